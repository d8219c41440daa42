//! A sample as OpenMetrics text, and as rows for the tools.

use super::{
    list::{Kind, METRICS, Value},
    sample::Sample,
};
use crate::rows::FigureRow;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};
use std::{collections::BTreeMap, fmt};

/// What `text` is, for `Content-Type`.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The whole exposition.
pub(crate) fn text(sample: Sample) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("ifrit");
    registry.register_collector(Box::new(Looked(sample)));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

#[derive(Debug)]
struct Looked(Sample);

impl Collector for Looked {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in METRICS {
            let unit = match metric.unit {
                "bytes" => Some(Unit::Bytes),
                "seconds" => Some(Unit::Seconds),
                _ => None,
            };
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(metric.stem(), metric.help, unit.as_ref(), kind)?;
            for point in (metric.read)(&self.0) {
                if point.labels.is_empty() {
                    write(&mut family, metric.kind, &point.value)?;
                } else {
                    let labels: Vec<_> = metric.labels.split(',').zip(point.labels).collect();
                    write(&mut family.encode_family(&labels)?, metric.kind, &point.value)?;
                }
            }
        }
        Ok(())
    }
}

fn write(encoder: &mut MetricEncoder<'_>, kind: Kind, value: &Value) -> fmt::Result {
    match (kind, value) {
        (Kind::Counter, Value::Count(value)) => encoder.encode_counter::<NoLabelSet, _, u64>(value, None),
        (_, Value::Count(value)) => encoder.encode_gauge(&(*value as f64)),
        (_, Value::Number(value)) => encoder.encode_gauge(value),
        (_, Value::Spread(sum, buckets)) => {
            let count = buckets.iter().map(|(_, count)| count).sum();
            encoder.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
        }
    }
}

/// The same as rows: a histogram as its count, its sum, and a row per bucket.
pub(crate) fn rows(sample: &Sample) -> Vec<FigureRow> {
    let mut rows = Vec::new();
    for metric in METRICS {
        let name = metric.full_name();
        for point in (metric.read)(sample) {
            let names = metric.labels.split(',').map(str::to_owned);
            let labels: BTreeMap<_, _> = names.zip(point.labels).collect();
            let mut row = |suffix: &str, labels: &BTreeMap<String, String>, value: f64| {
                rows.push(FigureRow { name: format!("{name}{suffix}"), labels: labels.clone(), value });
            };
            match point.value {
                Value::Count(value) => row("", &labels, value as f64),
                Value::Number(value) => row("", &labels, value),
                Value::Spread(sum, buckets) => {
                    let mut below = 0;
                    for (bound, count) in buckets {
                        below += count;
                        let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
                        row("_bucket", &BTreeMap::from([("le".to_owned(), bound)]), below as f64);
                    }
                    row("_sum", &labels, sum);
                    row("_count", &labels, below as f64);
                }
            }
        }
    }
    rows
}
