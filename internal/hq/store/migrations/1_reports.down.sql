DROP TABLE refusals, runs, stays, reports, installations, kinds;
