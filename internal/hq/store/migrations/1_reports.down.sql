-- Deletes: all reports, with installations, runs and counts of what was refused
DROP TABLE refusals, runs, stays, reports, installations, kinds;
