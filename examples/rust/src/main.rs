//! Tells inner from outer ring: trains the network of rings.nn by steps of 32 points, then predicts every point. The
//! network is an object of this program, called through its C header; there is no library and no crate behind it.
//!
//!     cargo run --release -- ../rings/rings.csv [epochs]

use std::{env, fs, process, ptr};

mod rings {
    include!(concat!(env!("OUT_DIR"), "/rings.rs"));

    /// Where in its training a call stands. The model refuses a struct of another size.
    #[repr(C)]
    pub struct Step {
        pub size: u32,
        pub flags: u32,
        pub seed: u64,
        pub step: u64,
        pub epoch: u64,
        pub first_sample: u64,
        pub weight: f64,
    }

    /// The settings of this model's training: it has none, so only NULL is ever given.
    #[repr(C)]
    pub struct Hparams {
        _private: [u8; 0],
    }

    extern "C" {
        pub fn rings_bytes(what: i32, n: i64) -> i64;
        pub fn rings_init(params: *mut u8, opt: *mut u8, seed: u64, ws: *mut u8) -> i32;
        pub fn rings_predict(params: *const u8, n: i64, point: *const f32, out: *mut f32, ws: *mut u8) -> i32;
        pub fn rings_step(params: *mut u8, opt: *mut u8, n: i64, point: *const f32, inside: *const f32, step: *const Step,
                          hparams: *const Hparams, totals: *mut f64, ws: *mut u8) -> i32;
    }
}

/// Memory as models want it: aligned to 64 bytes, zeroed.
struct Area(Vec<Line>);

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; 64]);

impl Area {
    fn new(bytes: i64) -> Area {
        Area(vec![Line([0; 64]); bytes as usize / 64 + 1])
    }
    fn at(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }
}

/// The network's memory, and the only place that calls it.
struct Rings {
    params: Area,
    opt: Area,
    work: Area,
    batch: i64,
    totals: [f64; rings::TOTALS as usize],
}

impl Rings {
    fn new(seed: u64, batch: i64) -> Rings {
        let bytes = |what: i64| unsafe { rings::rings_bytes(what as i32, batch) };
        let work = bytes(rings::WORK_PREDICT).max(bytes(rings::WORK_STEP));
        let mut made = Rings {
            params: Area::new(rings::PARAMS_BYTES),
            opt: Area::new(rings::OPT_BYTES),
            work: Area::new(work),
            batch,
            totals: [0.0; rings::TOTALS as usize],
        };
        let status = unsafe { rings::rings_init(made.params.at(), made.opt.at(), seed, ptr::null_mut()) };
        assert_eq!(status, 0);
        made
    }

    fn step(&mut self, point: &[[f32; 2]], inside: &[f32], when: &rings::Step) -> Result<(), i32> {
        assert!(point.len() == inside.len() && point.len() as i64 <= self.batch);
        let status = unsafe {
            rings::rings_step(self.params.at(), self.opt.at(), point.len() as i64, point.as_ptr().cast(), inside.as_ptr(),
                              when, ptr::null(), self.totals.as_mut_ptr(), self.work.at())
        };
        if status == 0 { Ok(()) } else { Err(status) }
    }

    fn predict(&mut self, point: &[[f32; 2]], out: &mut [f32]) -> Result<(), i32> {
        assert!(point.len() == out.len() && point.len() as i64 <= self.batch);
        let status = unsafe {
            rings::rings_predict(self.params.0.as_ptr().cast(), point.len() as i64, point.as_ptr().cast(), out.as_mut_ptr(),
                                 self.work.at())
        };
        if status == 0 { Ok(()) } else { Err(status) }
    }
}

fn read_points(path: &str) -> Result<(Vec<[f32; 2]>, Vec<f32>), String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let (mut point, mut inside) = (Vec::new(), Vec::new());
    for (i, line) in text.lines().enumerate().skip(1) {
        let values: Result<Vec<f32>, _> = line.split(',').map(|word| word.trim().parse()).collect();
        match values.as_deref() {
            Ok([x, y, label]) => {
                point.push([*x, *y]);
                inside.push(*label);
            }
            _ => return Err(format!("{path}:{}: a line is three numbers", i + 1)),
        }
    }
    Ok((point, inside))
}

const BATCH: usize = 32;

fn train(net: &mut Rings, point: &[[f32; 2]], inside: &[f32], epochs: u64) -> Result<(), i32> {
    let mut when = rings::Step { size: std::mem::size_of::<rings::Step>() as u32, flags: 0, seed: 1, step: 1, epoch: 1,
                                 first_sample: 0, weight: 1.0 };
    for epoch in 1..=epochs {
        when.epoch = epoch;
        net.totals = [0.0; rings::TOTALS as usize];
        for (i, (p, y)) in point.chunks(BATCH).zip(inside.chunks(BATCH)).enumerate() {
            when.first_sample = (i * BATCH) as u64;
            net.step(p, y, &when)?;
            when.step += 1;
        }
    }
    println!("{} steps: loss {:.6}, accuracy {:.4}", when.step - 1, net.totals[1] / net.totals[0], net.totals[2] / net.totals[0]);
    Ok(())
}

fn run() -> Result<(), String> {
    let args: Vec<String> = env::args().collect();
    let path = args.get(1).ok_or("usage: rings rings.csv [epochs]")?;
    let epochs = args.get(2).map_or(Ok(30), |word| word.parse()).map_err(|e| format!("epochs: {e}"))?;
    let (point, inside) = read_points(path)?;
    let mut net = Rings::new(1, BATCH as i64);
    train(&mut net, &point, &inside, epochs).map_err(|status| format!("training failed with status {status}"))?;
    let mut right = 0;
    for (p, y) in point.chunks(BATCH).zip(inside.chunks(BATCH)) {
        let mut out = [0f32; BATCH];
        net.predict(p, &mut out[..p.len()]).map_err(|status| format!("predicting failed with status {status}"))?;
        right += out.iter().zip(y).filter(|(chance, label)| (**chance > 0.5) == (**label > 0.5)).count();
    }
    println!("{right} of {} right", point.len());
    Ok(())
}

fn main() {
    if let Err(why) = run() {
        eprintln!("{why}");
        process::exit(1);
    }
}
