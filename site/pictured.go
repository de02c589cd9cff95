package main

// pictures are those of docs/pictures.md, in its order.
var pictures = []picture{
	{
		name: "idea", title: "One file goes in, one plan comes out",
		says: "You write sourcegraph.yaml. berth's catalogue knows what each release of Sourcegraph is. From both, berth works out what should run, and compares it with what runs now. " +
			"The difference is a plan. You read the plan, and berth carries it out: on a Docker Engine, or in a Kubernetes cluster.",
		boxes: []box{
			{"file", 0, 0, yours, "sourcegraph.yaml", "what you want: a few lines"},
			{"wanted", 1, 0, does, "what should run", "services, settings, volumes"},
			{"catalogue", 1, 1, keeps, "catalogue", "each release; it is in berth"},
			{"plan", 2, 0, does, "berth plan", "each change, why, and what it costs"},
			{"now", 2, 1, does, "what runs now", "asked each time"},
			{"up", 3, 0, does, "berth up", "one step after the other, until all is healthy"},
			{"target", 3, 1, keeps, "engine or cluster", "containers and their data"},
		},
		arrows: []arrow{{"file", "wanted", ""}, {"catalogue", "wanted", ""}, {"wanted", "plan", "compare"}, {"now", "plan", ""}, {"plan", "up", "you say"}, {"up", "target", "changes"}, {"target", "now", ""}},
	},
	{
		name: "inside", title: "What runs",
		says: "People reach the front proxy, which has the certificate. It passes requests to the frontend. The frontend asks gitserver for repositories, zoekt for searches in the index, " +
			"and searcher for what is not indexed. Users, settings and results are in three Postgres databases; sessions and caches in two Redis stores; uploads in an object store. " +
			"The worker does what takes long. gitserver copies repositories from your code host. Prometheus watches all of them.",
		boxes: []box{
			{"people", 0, 0, yours, "people", "a browser, an editor, a program"},
			{"proxy", 1, 0, does, "front proxy", "has the certificate, holds requests"},
			{"frontend", 2, 0, does, "sourcegraph-frontend", "pages and the API"},
			{"search", 3, 0, does, "zoekt and searcher", "search with and without an index"},
			{"data", 2, 1, keeps, "data", "3 Postgres, 2 Redis, an object store"},
			{"git", 3, 1, keeps, "gitserver", "copies of your repositories"},
			{"worker", 2, 2, does, "worker", "what takes long"},
			{"host", 3, 2, yours, "your code host", "GitHub, GitLab, ..."},
			{"watch", 1, 1, does, "Prometheus", "watches all, calls somebody"},
		},
		arrows: []arrow{{"people", "proxy", "https"}, {"proxy", "frontend", ""}, {"frontend", "search", "ask"}, {"frontend", "data", "read, write"}, {"search", "git", "read"},
			{"git", "host", "fetch"}, {"worker", "data", ""}},
	},
	{
		name: "change", title: "A change, and what happens when it is cut off",
		says: "A run takes the lock, so that nobody else changes the installation at the same time. Before and after each step it writes into the journal. When all steps are done and everything is " +
			"healthy, the run is in the history. If berth is killed in between, the journal says how far it was, and the same command continues there. If a step fails, berth says why, and what to do.",
		boxes: []box{
			{"plan", 0, 0, yours, "you say yes", "to the plan that you saw"},
			{"lock", 1, 0, does, "lock", "one run at a time"},
			{"step", 2, 0, does, "step", "stop, start, wait until healthy"},
			{"history", 3, 0, keeps, "history", "what, when, who, how long"},
			{"again", 1, 1, yours, "the same command", "continues"},
			{"journal", 2, 1, keeps, "journal", "before and after each step"},
			{"failed", 3, 1, stop, "a step failed", "what, where, why, what next"},
		},
		arrows: []arrow{{"plan", "lock", ""}, {"lock", "step", ""}, {"step", "history", "all done"}, {"step", "journal", "writes"}, {"journal", "again", "killed"}, {"again", "lock", ""}, {"journal", "failed", "or"}},
	},
	{
		name: "upgrade", title: "An upgrade step",
		says: "An upgrade step first checks, and touches nothing. If it will need a backup, it makes one. Then the new release is deployed: services are replaced one after the other, or, over several " +
			"releases, everything stops and the migrator changes the databases. A search proves that it works. The release is written into your file, and background migrations are finished. " +
			"Until the point of no return berth goes back without loss; after it, a rollback restores the backup, and says what is lost.",
		boxes: []box{
			{"check", 0, 0, does, "check", "databases, room, images; nothing is changed"},
			{"backup", 1, 0, keeps, "back up", "where only a backup can undo it"},
			{"deploy", 2, 0, does, "deploy or migrate", "the new release"},
			{"prove", 3, 0, does, "prove", "a search is answered"},
			{"rollback", 2, 1, does, "berth rollback", "before that point nothing is lost"},
			{"before", 1, 1, keeps, "the release before", "runs again"},
			{"point", 3, 1, stop, "point of no return", "people write what only the new release has"},
			{"finish", 3, 2, does, "save and finish", "your file, background migrations"},
		},
		arrows: []arrow{{"check", "backup", ""}, {"backup", "deploy", ""}, {"deploy", "prove", ""}, {"prove", "point", ""}, {"point", "finish", ""}, {"deploy", "rollback", "fails"}, {"point", "rollback", "some is lost"}, {"rollback", "before", ""}},
	},
	{
		name: "night", title: "A broken night",
		says: "Somebody notices that something is wrong. berth doctor checks everything at the same time: the config, the host, each service, the databases, the address. It separates causes from " +
			"consequences, and names what to do first. If that is a start or a restart, it does it after you confirm. If it needs a decision, you decide. berth verify says " +
			"whether people can work again. If not, a bundle without secrets goes to support.",
		boxes: []box{
			{"see", 0, 0, yours, "somebody notices", "an alert, a call"},
			{"doctor", 1, 0, does, "berth doctor", "looks at all; touches nothing"},
			{"cause", 2, 0, does, "the cause", "and what follows from it"},
			{"fix", 3, 0, does, "berth doctor --fix", "starts, restarts; asks first"},
			{"decide", 2, 1, yours, "you decide", "room, memory, data"},
			{"verify", 3, 1, does, "berth verify", "can people work?"},
			{"bundle", 3, 2, keeps, "berth bundle", "for support, without secrets"},
		},
		arrows: []arrow{{"see", "doctor", ""}, {"doctor", "cause", ""}, {"cause", "fix", "one thing"}, {"cause", "decide", ""}, {"decide", "verify", ""}, {"fix", "verify", ""}, {"verify", "bundle", "no"}},
	},
}
