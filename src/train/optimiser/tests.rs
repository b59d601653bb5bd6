use super::*;
use candle_core::Device;

/// A gradient of one variable.
fn of(name: &str, gradient: &[f32]) -> Gradient {
    let mut sums = Gradient::default();
    sums.add(&mut BTreeMap::from([(name.to_string(), gradient.to_vec())]), 1.0);
    sums
}

/// Gradients in use below: one that keeps its sign, one that turns, one that is zero at first.
fn gradients() -> [[f32; 3]; 6] {
    [[0.5, -1.0, 0.0], [0.4, 0.7, 0.0], [0.3, 0.2, -0.1], [0.3, -0.2, -0.3], [0.2, -0.1, 0.4], [0.1, 0.3, 0.2]]
}

fn run(config: &TrainConfig) -> Vec<f32> {
    let variable = Var::new(&[1.0f32, -2.0, 3.0], &Device::Cpu).expect("a tensor");
    let variables = BTreeMap::from([("x".to_string(), variable.clone())]);
    let mut memory = Memory::default();
    for gradient in gradients() {
        let gradient = of("x", &gradient);
        memory.update(&variables, &gradient, config.lr, config).expect("an update");
    }
    variable.to_vec1::<f32>().expect("values")
}

#[test]
fn a_tensor_moves_at_its_own_rate() {
    let config = |json: &str| {
        let json = format!(r#"{{"files": [{{"path": "a.wav"}}], "lr": 0.1, "lr_factors": {json}}}"#);
        TrainConfig::from_json(&json, &[]).expect("good factors")
    };
    let names = ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "out.bias"];
    let moved = |config: &TrainConfig| {
        let variable = || Var::new(&[1.0f32, -2.0, 3.0], &Device::Cpu).expect("a tensor");
        let variables: BTreeMap<String, Var> = names.iter().map(|name| (name.to_string(), variable())).collect();
        let mut memory = Memory::default();
        for gradient in gradients() {
            let mut sums = Gradient::default();
            let all = names.iter().map(|name| (name.to_string(), gradient.to_vec()));
            sums.add(&mut all.collect(), 1.0);
            memory.update(&variables, &sums, config.lr, config).expect("an update");
        }
        names.map(|name| variables[name].to_vec1::<f32>().expect("values"))
    };
    let whole = run(&config("{}"));
    assert_eq!(moved(&config("{}")), [whole.clone(), whole.clone(), whole.clone()]);
    let tenth = run(&TrainConfig { lr: 0.1 * 0.1, ..config("{}") });
    assert_ne!(tenth, whole);
    // The longest name counts; 0 leaves a tensor as it is.
    let config = config(r#"{"rnn": 0.0, "rnn.weight_ih": 0.1}"#);
    assert_eq!(moved(&config), [tenth, vec![1.0, -2.0, 3.0], whole]);
}

/// Made with PyTorch 2.15.0:
///
/// ```python
/// import torch
/// g = torch.tensor([[0.5, -1, 0], [0.4, 0.7, 0], [0.3, 0.2, -0.1], [0.3, -0.2, -0.3], [0.2, -0.1, 0.4], [0.1, 0.3, 0.2]])
/// for make in [lambda p: torch.optim.Adam(p, lr=0.1),
///              lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9),
///              lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.5),
///              lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
///              lambda p: torch.optim.Rprop(p, lr=0.1)]:
///     x = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
///     o = make([x])
///     for row in g:
///         x.grad = row.clone()
///         o.step()
///     print([float("%.6g" % v) for v in x.tolist()])
/// ```
#[test]
fn updates_are_those_of_pytorch() {
    let config = |optimiser, lr, momentum| TrainConfig { optimiser, lr, momentum, ..TrainConfig::default() };
    for (config, expected) in [
        (config(Optimiser::Adam, 0.1, 0.0), PYTORCH[0]),
        (config(Optimiser::Rmsprop, 0.01, 0.0), PYTORCH[1]),
        (config(Optimiser::Rmsprop, 0.01, 0.5), PYTORCH[2]),
        (config(Optimiser::Sgd, 0.1, 0.9), PYTORCH[3]),
        (config(Optimiser::Rprop, 0.1, 0.0), PYTORCH[4]),
    ] {
        let got = run(&config);
        for (g, e) in got.iter().zip(expected) {
            assert!((g - e).abs() < 2e-5, "{:?}: {got:?} for {expected:?}", config.optimiser);
        }
    }
}

const PYTORCH: [[f32; 3]; 5] = [
    [0.432927, -1.87145, 3.10703],
    [0.906016, -1.99308, 3.02413],
    [0.828875, -1.97908, 3.06174],
    [0.369446, -1.84368, 3.01969],
    [0.0070079, -1.925, 3.16],
];

#[test]
fn weight_decay_shrinks_matrices_only() {
    let config = TrainConfig { weight_decay: 0.1, ..TrainConfig::default() };
    for (shape, expected) in [(vec![2, 1], 0.99f32), (vec![2], 1.0)] {
        let variable = Var::ones(shape, candle_core::DType::F32, &Device::Cpu).expect("a tensor");
        let variables = BTreeMap::from([("x".to_string(), variable.clone())]);
        let gradient = of("x", &[0.0; 2]);
        Memory::default().update(&variables, &gradient, 0.1, &config).expect("an update");
        let got = variable.flatten_all().and_then(|x| x.to_vec1::<f32>()).expect("values");
        assert!(got.iter().all(|x| (x - expected).abs() < 1e-6), "{got:?}");
    }
}

#[test]
fn gradients_are_gathered_clipped_and_regularised() {
    let variable = Var::new(&[3.0f32, 4.0], &Device::Cpu).expect("a tensor");
    let variables = BTreeMap::from([("rnn.weight_hh_l0".to_string(), variable.clone())]);
    let mut gradient = of("rnn.weight_hh_l0", &[7.0, 7.0]);
    gradient.clear();
    for _ in 0..2 {
        gradient.add(&mut BTreeMap::from([("rnn.weight_hh_l0".to_string(), vec![3.0, 4.0])]), 0.5);
    }
    gradient.regularise(&variables, 1.0).expect("a sum");
    assert_eq!(gradient.sums["rnn.weight_hh_l0"], [6.0, 8.0]);
    let clip = |clip_value, clip_norm| {
        let mut clipped = gradient.clone();
        let norm = clipped.clip(&TrainConfig { clip_value, clip_norm, ..TrainConfig::default() });
        assert_eq!(norm, 10.0);
        clipped.sums["rnn.weight_hh_l0"].clone()
    };
    assert_eq!(clip(None, None), [6.0, 8.0]);
    assert_eq!(clip(Some(7.0), None), [6.0, 7.0]);
    assert_eq!(clip(None, Some(5.0)), [3.0, 4.0]);
    assert_eq!(clip(Some(6.0), Some(20.0)), [6.0, 6.0]);
    gradient.sums.insert("out.bias".into(), vec![f32::NAN]);
    assert_eq!(gradient.not_finite(), Some("out.bias"));
}

#[test]
fn the_rate_rises_and_falls() {
    let config = TrainConfig { lr: 1.0, lr_rise_steps: 10, ..TrainConfig::default() };
    assert!((learning_rate(&config, 0, 0.0, 1.0) - 0.1).abs() < 1e-12);
    assert!((learning_rate(&config, 50, 0.5, 1.0) - 0.505).abs() < 1e-12);
    assert!((learning_rate(&config, 50, 1.0, 1.0) - LAST_RATE).abs() < 1e-12);
    let constant = TrainConfig { lr_schedule: LrSchedule::Constant, ..config.clone() };
    assert_eq!(learning_rate(&constant, 50, 0.9, 0.25), 1.0);
    let plateau = TrainConfig { lr_schedule: LrSchedule::Plateau, plateau_patience: 2, plateau_factor: 0.5, ..config };
    let mut watch = Plateau::default();
    for (loss, reduction) in [(3.0, 1.0), (2.0, 1.0), (2.0, 1.0), (2.5, 0.5), (2.1, 0.5), (1.0, 0.5), (1.0, 0.5)] {
        watch.epoch(loss, &plateau);
        assert_eq!(watch.reduction, reduction, "after {loss}");
    }
    assert_eq!(learning_rate(&plateau, 50, 0.9, watch.reduction), 0.5);
}

#[test]
fn the_mean_of_weights_is_their_mean() {
    let mut mean = WeightMean::default();
    let weights = |step: usize| BTreeMap::from([("w".to_string(), vec![step as f32, 3.0 - 2.0 * step as f32])]);
    for step in 0..5 {
        mean.add(weights(step));
    }
    assert_eq!(mean.steps, 5);
    assert!(
        mean.tensors["w"].iter().zip([2.0, -1.0]).all(|(mean, expected)| (mean - expected).abs() < 1e-6),
        "{mean:?}"
    );
}
