#![no_main]

sympathy_fuzz::fuzz!("recording_sums");
