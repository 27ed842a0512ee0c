//! Prints what the crate itself makes of a made-up sound: for each frame of 10 ms that is not silent, its 42 features and
//! the crate's own probability of a voice, as one JSON array. The sound comes from formulas: a gliding voice-like tone with
//! two formants that is switched on and off, and noise throughout.
use nnnoiseless::{DenoiseFeatures, DenoiseState, FRAME_SIZE};
use std::f64::consts::TAU;

const SECONDS: f64 = 3.0;
const RATE: f64 = 48_000.0;

fn main() {
    let mut features = DenoiseFeatures::new();
    let mut denoise = DenoiseState::new();
    let mut output = [0.0f32; FRAME_SIZE];
    let mut seed: u32 = 7;
    let mut phase = 0.0f64;
    let samples: Vec<f32> = (0..(SECONDS * RATE) as usize)
        .map(|i| {
            let t = i as f64 / RATE;
            let pitch = 120.0 + 30.0 * (TAU * 0.7 * t).sin();
            phase += pitch / RATE;
            let voiced = (TAU * 0.8 * t).sin() > -0.2;
            let mut tone = 0.0;
            for harmonic in 1..40 {
                let frequency = pitch * harmonic as f64;
                let formant = |centre: f64, width: f64| (-((frequency - centre) / width).powi(2)).exp();
                tone += (formant(600.0, 250.0) + 0.5 * formant(1500.0 + 300.0 * (TAU * 1.3 * t).sin(), 300.0))
                    * (TAU * phase * harmonic as f64).sin();
            }
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = seed as f64 / u32::MAX as f64 - 0.5;
            ((if voiced { 2500.0 * tone } else { 0.0 }) + 800.0 * noise).round() as f32
        })
        .collect();
    for frame in samples.chunks_exact(FRAME_SIZE) {
        features.shift_and_filter_input(frame);
        let silent = features.compute_frame_features();
        let voice = denoise.process_frame(&mut output, frame);
        if !silent {
            let row: Vec<String> = features.features().iter().chain([&voice]).map(|v| format!("{v:?}")).collect();
            println!("[{}]", row.join(","));
        }
    }
}
