#![no_main]

sympathy_fuzz::fuzz!("lesson");
