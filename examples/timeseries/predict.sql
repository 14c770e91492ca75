-- Prediction: will a machine fail? Two models that were trained elsewhere and exported as JSON, scored in the sandbox: a logistic
-- regression over temperature and vibration, and two small boosted trees over the same.
DEFINE regression = '{"intercept": -12.0, "weights": [0.1, 4.0]}';
DEFINE trees = '{"base": -1.0, "trees": [{"feature": 0, "below": 80, "then": {"leaf": -1.0}, "else": {"leaf": 1.5}}, {"feature": 1, "below": 0.5, "then": {"leaf": -0.5}, "else": {"feature": 0, "below": 60, "then": {"leaf": 0.5}, "else": {"leaf": 2.0}}}]}';

CREATE STREAM machines (machine STRING KEY, temperature DOUBLE, vibration DOUBLE) WITH (KAFKA_TOPIC = 'machines', VALUE_FORMAT = 'JSON');
INSERT INTO machines VALUES ('lathe', 60, 0.2), ('press', 85, 0.4), ('mill', 70, 0.9), ('saw', 95, 1.1);

SELECT machine,
       ROUND(PREDICT('${regression}', ARRAY[temperature, vibration]), 3) AS regression,
       ROUND(PREDICT('${trees}', ARRAY[temperature, vibration]), 3) AS trees
FROM machines EMIT CHANGES;

-- The same regression from a file: the sidecar of the plugin, examples/plugins/timeseries.toml, calls it `machines`.
SELECT machine, ROUND(PREDICT('machines', temperature, vibration), 3) AS regression FROM machines EMIT CHANGES;
