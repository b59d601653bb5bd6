//! The report of a run: its curves, sounds, weights and hyperparameters as one HTML file that needs nothing else.
//!
//! The same drawings serve the command line tool: [`curves_svg`] and [`SoundFigure`].
