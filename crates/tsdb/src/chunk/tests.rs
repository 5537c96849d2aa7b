use proptest::prelude::*;
use series::STALE;

use super::*;

fn there_and_back(samples: &[Sample]) -> usize {
    let mut bytes = Vec::new();
    encode(samples, &mut bytes);
    let mut rest = bytes.as_slice();
    let chunk = Chunk::next(&mut rest).unwrap();
    assert!(rest.is_empty());
    assert_eq!(chunk.count(), samples.len());
    assert_eq!((chunk.first(), chunk.last()), (samples[0].timestamp, samples.last().unwrap().timestamp));
    let mut back = Vec::new();
    chunk.read(&mut back).unwrap();
    let bits = |samples: &[Sample]| -> Vec<(i64, u64)> {
        samples.iter().map(|sample| (sample.timestamp, sample.value.to_bits())).collect()
    };
    assert_eq!(bits(&back), bits(samples));
    bytes.len()
}

fn regular(count: i64, value: impl Fn(i64) -> f64) -> Vec<Sample> {
    (0..count).map(|place| Sample::new(1_760_000_000_000 + place * 15_000, value(place))).collect()
}

#[test]
fn what_does_not_change_takes_next_to_nothing() {
    assert!(there_and_back(&regular(480, |_| 4_294_967_296.0)) < 30);
    assert!(there_and_back(&regular(480, |place| (place * 15) as f64)) < 30, "nor what rises steadily");
}

#[test]
fn two_digits_behind_the_point_take_less_than_two_bytes_a_sample() {
    let samples = regular(480, |place| ((place * 7919) % 2000) as f64 / 100.0);

    assert!(there_and_back(&samples) < 480 * 2);
}

#[test]
fn markers_zeros_and_infinities_come_back_to_the_bit() {
    let odd = [STALE, f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 5e-324, f64::MAX];

    there_and_back(&regular(90, |place| odd[place as usize % odd.len()]));
    there_and_back(&regular(9, |_| -0.0));
    there_and_back(&[Sample::new(i64::MIN, STALE), Sample::new(0, 1.0), Sample::new(i64::MAX, f64::NAN)]);
}

proptest! {
    #[test]
    fn any_samples_come_back_to_the_bit(
        samples in prop::collection::btree_map(any::<i64>(), any::<u64>(), 1..200),
    ) {
        let samples: Vec<Sample> =
            samples.into_iter().map(|(time, bits)| Sample::new(time, f64::from_bits(bits))).collect();
        there_and_back(&samples);
    }

    #[test]
    fn measured_values_come_back_to_the_bit(
        begin in any::<i32>(),
        rows in prop::collection::vec((1..40_000_i64, -1_000_000..1_000_000_i64), 1..300),
        digits in 0..12,
        sums in any::<bool>(),
    ) {
        let (mut time, mut sum) = (i64::from(begin) * 1000, 0);
        let samples: Vec<Sample> = rows
            .into_iter()
            .map(|(pause, number)| {
                time += pause;
                sum += number;
                Sample::new(time, (if sums { sum } else { number }) as f64 / 10_f64.powi(digits))
            })
            .collect();
        there_and_back(&samples);
    }

    #[test]
    fn any_bytes_are_a_chunk_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut rest = bytes.as_slice();
        let mut samples = Vec::new();
        while let Ok(chunk) = Chunk::next(&mut rest) {
            let before = samples.len();
            match chunk.read(&mut samples) {
                Ok(()) => prop_assert_eq!(samples.len() - before, chunk.count()),
                Err(Broken) => prop_assert_eq!(samples.len(), before),
            }
        }
    }
}
