package cli

// An option is a flag as the man page and the completion show it.
type option struct {
	names string // one or more, "-s, --socket"
	value string // what follows: "" nothing, "file", "dir" and "socket" are completed as paths
	text  string
}

// path says whether the value is completed as a path.
func (o *option) path() bool { return o.value == "file" || o.value == "dir" || o.value == "socket" }

// A subcommand is a first word that is no flag.
type subcommand struct {
	name, args, text string
	flags            bool // takes HAProxy's flags too
	options          []option
	words            []string // what may follow
}

// flagTable are HAProxy's flags that mean something here, in the man page's order. A
// test compares it with what parseFlags accepts.
var flagTable = []option{
	{"-f", "file", "reads a file, or the *.cfg files of a directory, sorted by name; may be given again"},
	{"-c", "", "checks the files and exits: 0 valid, 1 errors, 2 no listener"},
	{"-cc", "condition", "evaluates a condition as in .if and exits: 0 true, 1 false, 2 not a condition"},
	{"-v", "", "shows the version"},
	{"-vv", "", "shows what it was built with"},
	{"-D", "", "goes to the background"},
	{"-db", "", "stays in the foreground"},
	{"-d", "", "the same as -db"},
	{"-W", "", "starts a master, which keeps pid, sockets and privileges, and a worker"},
	{"-Ws", "", "the same, telling systemd (Type=notify, WatchdogSec=)"},
	{"-S", "socket", "opens the master's socket; options follow behind commas: mode, level, user, group, uid, gid, each with its value"},
	{"-p", "file", "writes the pid to this file"},
	{"-C", "dir", "changes to this directory before anything is read"},
	{"-n", "number", "limits client connections"},
	{"-q", "", "says nothing"},
	{"-V", "", "says more"},
	{"-sf", "pid", "lets these processes finish once this one serves"},
	{"-st", "pid", "terminates these processes once this one serves"},
	{"-dW", "", "fails if there is any warning"},
	{"-dD", "", "also warns of what is only suspicious"},
}

// ignored are flags of HAProxy's that are accepted and have no meaning here.
var ignored = []string{
	"-L", "-N", "-m", "-x", "-de", "-dp", "-dS", "-dG", "-dR", "-dV", "-dF", "-dI", "-dr", "-dL", "-dk", "-dv", "-dZ", "-dM", "-dK", "-dC", "-dt",
}

// commandTable are the subcommands, in the man page's order.
var commandTable = []subcommand{
	{name: "run", args: "[flags]", flags: true, text: "Runs the balancer, the same as without a command."},
	{
		name: "check", args: "[flags] file...", flags: true, text: "Checks files, the same as -c: prints what is wrong in them, all at once, and exits with the verdict.",
		options: []option{
			{"--json", "", "for programs"},
			{"--advice", "", "also tells what is accepted and regretted; it does not change the verdict"},
		},
	},
	{
		name: "explain", args: "'GET /path' -f file", flags: true, text: "Tells what would become of a request, and why, by the rules and the placement of a configuration.",
		options: []option{
			{"-H", "field", "a header field, 'Name: value'; may be given again"},
			{"-d", "body", "the request's body"},
			{"--frontend", "name", "where it comes in"},
			{"--src", "address", "the client's"},
			{"--http-version", "version", "1.0 or 1.1"},
			{"--down", "server", "as if this server were down; may be given again"},
			{"--json", "", "for programs"},
		},
	},
	{
		name: "ctl", args: "[options] command[; command...]",
		text: "Sends commands to the runtime socket of a running process, and fails if one is refused. On a terminal tables are in columns. Finds the socket by itself where one process runs. A command that ends with << is followed by the standard input.",
		options: []option{
			{"-s, --socket", "socket", "the runtime socket; -S: the master's"},
			{"-f", "file", "the configuration that names the socket"},
			{"-p", "file", "the pidfile of the process"},
			{"--json", "", "for programs"},
			{"--raw", "", "as it comes, on a terminal too"},
		},
	},
	{
		name: "reload", args: "[options]", flags: true, text: "Has a running process read its configuration again, prints what it says, and fails if it refuses. One of -S, -s, -p and -f names the process.",
		options: []option{
			{"-s, --socket", "socket", "its runtime socket, of level admin"},
			{"--dry-run", "", "tells what the reload would change, and changes nothing"},
			{"--forget", "", "also drops what was set at run time"},
		},
	},
	{
		name: "doc", args: "keyword...", text: "Tells what a keyword means.",
		options: []option{
			{"--status", "", "lists all keywords and what is done"},
			{"--advice", "", "lists what check --advice looks for"},
			{"--reference", "", "writes the reference"},
			{"--man", "", "writes this page"},
			{"--completion", "shell", "writes the completion of bash, zsh or fish; bash where none is named"},
		},
	},
	{
		name: "top", args: "[options]", text: "Shows a running bascule or HAProxy in the terminal, with keys to drain, stop and weigh servers. Without -s, -f or -p it looks where the packages put the runtime socket.",
		options: []option{
			{"-s, --socket", "socket", "its runtime socket"},
			{"-f", "file", "or its configuration, which names one"},
			{"-p", "file", "or its pidfile"},
			{"-i, --interval", "time", "how often it is asked; 1s if not given"},
			{"--once", "", "prints one table, for scripts"},
			{"--sort", "column", "by state, sess, queue, req/s, err/s, p99, avg, ws or out/s"},
			{"--filter", "text", "only names and states with this text"},
			{"--ascii", "", "no characters but those of ASCII"},
			{"--no-color", "", "no colours"},
		},
	},
	{name: "demo", args: "[options]", text: "Starts a fleet, the balancer and a live view in the terminal."},
	{name: "drill", args: "[options]", text: "Breaks a fleet on purpose and reports what was lost.", words: []string{"control", "failover", "reload", "limits"}},
	{name: "fleet", args: "api|stream [options]", text: "Runs one server of the demo's fleet.", words: []string{"api", "stream"}},
	{name: "version", text: "Shows the version."},
}

// signalTable are the signals that the process obeys.
var signalTable = [][2]string{
	{"USR2, HUP", "with -W and -Ws: reads the configuration again. USR2 does so without a master too, where HUP logs the state of all servers"},
	{"USR1", "stops listening, lets clients finish, ends"},
	{"TERM, INT", "ends at once, telling WebSockets so"},
	{"TTOU, TTIN", "stops accepting, and goes on"},
}
