"""A configuration that uses everything, and the least one."""

FULL = """
name: flight-delay
model: {name: flight_delay, version: 1}
log:
  kafka:
    bootstrap_servers: [a:9092, b:9092]
    topic: inference
    starting_offsets: latest
    max_offsets_per_trigger: null
    min_partitions: 8
    on_data_loss: fail
    options: {kafka.security.protocol: SASL_SSL, kafka.sasl.jaas.config: "env:JAAS", kafka.request.timeout.ms: 30000}
  format: kserve
  match: {service: flights, component: predictor}
baseline:
  data: {path: train.parquet, predictions: [score], types: {zip: categorical}, exclude: [label], event_time: "at:ms",
    season: hour_of_day}
features: [temp, {zip: categorical}]
predictions: [score, {late: boolean}]
window: {size: 15m, slide: 5m, lateness: 6s, close_idle_after: 500ms}
slices: [zip]
techniques: [psi, {ks: {threshold: 0.2}}, range]
expectations: {file: suite.json, columns: {temp_c: temp}, modules: [mine.expectations]}
correction: bonferroni
threshold_rule: quantile
importances: {temp: 0.7, zip: 0.3}
alerts: {channels: [{hopsworks: {receiver: slack}}], min_severity: critical, resolve_after: 2, widen_after: 0,
  max_age: 6h}
store: {path: results}
query: shared
trigger: 1s
limits: {min_instances: 10, max_slices: 5, max_clock_ahead: 1h30m, shards: 2, max_outliers: 50, technique_seconds: 2.5}
"""
LEAST = """
name: least
model: {name: m}
log: {files: {path: events}}
baseline: {file: baseline.json}
"""
