package config

// removedKeywords are what HAProxy itself has dropped; old files still have them.
// Their reasons complete "is not supported anymore since HAProxy …".
var removedKeywords = keywords([]group{
	{InGlobal, Removed, "2.5; use nbthread", "nbproc"},
	{InGlobal, Removed, "2.4; use tune.bufsize", "tune.chksize"},
	{inProxy, Removed, "1.6; use stick-table and stick on", "appsession"},
	{inProxy, Removed, "2.1; use http-request deny", "block, reqdeny, reqideny"},
	{inProxy, Removed, "2.1; use timeout client", "clitimeout"},
	{inProxy, Removed, "2.1; use timeout connect", "contimeout"},
	{inProxy, Removed, "2.1; use timeout server", "srvtimeout"},
	{inProxy, Removed, "2.1; use option redispatch", "redispatch"},
	{inProxy, Removed, "2.1; use http-request add-header", "reqadd"},
	{inProxy, Removed, "2.1; use http-request allow", "reqallow, reqiallow, reqpass, reqipass"},
	{inProxy, Removed, "2.1; use http-request del-header", "reqdel, reqidel"},
	{inProxy, Removed, "2.1; use http-request replace-path or replace-header", "reqrep, reqirep"},
	{inProxy, Removed, "2.1; use http-request tarpit", "reqtarpit, reqitarpit"},
	{inProxy, Removed, "2.1; use http-response add-header", "rspadd"},
	{inProxy, Removed, "2.1; use http-response del-header", "rspdel, rspidel"},
	{inProxy, Removed, "2.1; use http-response deny", "rspdeny, rspideny"},
	{inProxy, Removed, "2.1; use http-response replace-header", "rsprep, rspirep"},
	{inProxy, Removed, "2.5; use the global grace", "grace"},
	{inProxy, Removed, "2.5; use http-request return status 200 if { src … }", "monitor-net"},
	{inProxy, Removed, "2.0; use option httpclose, if at all", "option forceclose"},
	{inProxy, Removed, "2.1; remove it", "option http-tunnel"},
	{inProxy, Removed, "2.5; use http-request set-dst and set-uri", "option http_proxy"},
})
