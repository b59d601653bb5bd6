#![no_main]

sympathy_fuzz::fuzz!("roll");
