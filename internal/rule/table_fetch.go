package rule

// Signatures that several fetches share.
var (
	noArgs     signature
	nameOcc    = signature{kinds: []argKind{argText, argInt}}
	optName    = signature{kinds: []argKind{argText}}
	nameDelim  = signature{kinds: []argKind{argText, argText}}
	oneText    = signature{min: 1, kinds: []argKind{argText}}
	oneInt     = signature{min: 1, kinds: []argKind{argInt}}
	varDefault = signature{min: 1, kinds: []argKind{argVar, argText}}
	optInt     = signature{kinds: []argKind{argInt}}
)

// fetchTable is every sample fetch that answers; plannedFetches names the rest.
// Examples stand in conditions and are parsed by a test.
var fetchTable = []fetch{
	{"always_false", KindBool, noArgs, needNothing, fetchFalse, "false", "always_false"},
	{"always_true", KindBool, noArgs, needNothing, fetchTrue, "true", "always_true"},
	{"base", KindStr, noArgs, needRequest, fetchBase, "the Host field and the path", "base -m beg www.example.com/img/"},
	{"baseq", KindStr, noArgs, needRequest, fetchBaseq, "the Host field, the path and the query", "baseq -m sub ?debug"},
	{"be_name", KindStr, noArgs, needBackend, fetchBackend, "the name of the backend", "be_name app"},
	{"bool", KindBool, oneText, needNothing, fetchBool, "a constant", "bool(true)"},
	{"capture.req.hdr", KindStr, oneInt, needKept, fetchCaptured, "what a capture slot holds", "capture.req.hdr(0) -m found"},
	{"capture.req.method", KindStr, noArgs, needKept, fetchKeptMethod, "the method, also once the reply is there", "capture.req.method POST"},
	{"capture.req.uri", KindStr, noArgs, needKept, fetchKeptURL, "path and query, also once the reply is there", "capture.req.uri -m beg /api/"},
	{"capture.req.ver", KindStr, noArgs, needKept, fetchKeptReqVer, "HTTP/1.0 or HTTP/1.1 of the request", "capture.req.ver HTTP/1.1"},
	{"capture.res.ver", KindStr, noArgs, needKept, fetchKeptResVer, "HTTP/1.0 or HTTP/1.1 of the reply", "capture.res.ver HTTP/1.1"},
	{"cook", KindStr, optName, needRequest, cookieFetch(false, asText), "a cookie of the request (req.cook)", "cook(lang) en"},
	{"cook_cnt", KindInt, optName, needRequest, cookieCount(false), "how many cookies the request has (req.cook_cnt)", "cook_cnt gt 10"},
	{"cook_val", KindInt, optName, needRequest, cookieFetch(false, asNumber), "a cookie as a number (req.cook_val)", "cook_val(seen) ge 3"},
	{"date", KindInt, optInt, needNothing, fetchDate, "the time in seconds since 1970, moved by an offset", "date gt 0"},
	{"dst", KindAddr, noArgs, needNothing, fetchDst, "the address that the client connected to", "dst 10.0.0.0/8"},
	{"dst_port", KindInt, noArgs, needNothing, fetchDstPort, "the port that the client connected to", "dst_port 80 443"},
	{"fe_name", KindStr, noArgs, needNothing, fetchFrontend, "the name of the frontend", "fe_name public"},
	{"hdr", KindStr, nameOcc, needEither, headFetch(eitherFields, true, asText), "a value of a field, lists cut at commas; in ACLs always of the request", "hdr(host) www.example.com"},
	{"hdr_cnt", KindInt, optName, needRequest, countFetch(requestFields, true), "how many values a field has (req.hdr_cnt)", "hdr_cnt(via) gt 2"},
	{"hdr_ip", KindAddr, nameOcc, needRequest, headFetch(requestFields, true, asAddr), "a value as an address (req.hdr_ip)", "hdr_ip(x-forwarded-for,-1) 192.0.2.0/24"},
	{"hdr_val", KindInt, nameOcc, needRequest, headFetch(requestFields, true, asNumber), "a value as a number (req.hdr_val)", "hdr_val(content-length) gt 1000000"},
	{"http_first_req", KindBool, noArgs, needKept, fetchFirst, "the request is the first of its connection", "http_first_req"},
	{"int", KindInt, oneInt, needNothing, fetchInt, "a constant", "int(5) gt 4"},
	{"meth", KindMethod, oneText, needNothing, fetchMeth, "a constant", "meth(GET) -m str GET"},
	{"method", KindMethod, noArgs, needKept, fetchMethod, "the request's method", "method POST PUT"},
	{"path", KindStr, noArgs, needRequest, fetchPath, "the path, without scheme, authority and query", "path /favicon.ico"},
	{"pathq", KindStr, noArgs, needRequest, fetchPathq, "the path with the query", "pathq -m beg /search?"},
	{"query", KindStr, noArgs, needRequest, fetchQuery, "what follows the question mark", "query -m found"},
	{"req.cook", KindStr, optName, needRequest, cookieFetch(false, asText), "a cookie of the request", "req.cook(lang) en"},
	{"req.cook_cnt", KindInt, optName, needRequest, cookieCount(false), "how many cookies the request has", "req.cook_cnt gt 10"},
	{"req.cook_val", KindInt, optName, needRequest, cookieFetch(false, asNumber), "a cookie as a number", "req.cook_val(seen) ge 3"},
	{"req.fhdr", KindStr, nameOcc, needRequest, headFetch(requestFields, false, asText), "the whole value of a field, commas kept", "req.fhdr(user-agent) -m sub curl"},
	{"req.fhdr_cnt", KindInt, optName, needRequest, countFetch(requestFields, false), "how many fields of a name there are", "req.fhdr_cnt(host) 1"},
	{"req.hdr", KindStr, nameOcc, needRequest, headFetch(requestFields, true, asText), "a value of a field, lists cut at commas", "req.hdr(upgrade) -i websocket"},
	{"req.hdr_cnt", KindInt, optName, needRequest, countFetch(requestFields, true), "how many values a field has", "req.hdr_cnt(via) gt 2"},
	{"req.hdr_ip", KindAddr, nameOcc, needRequest, headFetch(requestFields, true, asAddr), "a value as an address", "req.hdr_ip(x-forwarded-for,-1) 192.0.2.0/24"},
	{"req.hdr_names", KindStr, optName, needRequest, namesFetch(requestFields), "the names of all fields", "req.hdr_names -m sub accept"},
	{"req.hdr_val", KindInt, nameOcc, needRequest, headFetch(requestFields, true, asNumber), "a value as a number", "req.hdr_val(content-length) gt 1000000"},
	{"req.proto_http", KindBool, noArgs, needKept, fetchIsHTTP, "the request is HTTP", "req.proto_http"},
	{"req_proto_http", KindBool, noArgs, needKept, fetchIsHTTP, "the request is HTTP (req.proto_http)", "req_proto_http"},
	{"req.ver", KindStr, noArgs, needRequest, fetchReqVer, "1.0 or 1.1", "req.ver 1.1"},
	{"req_ver", KindStr, noArgs, needRequest, fetchReqVer, "1.0 or 1.1 (req.ver)", "req_ver 1.1"},
	{"res.cook", KindStr, optName, needReply, cookieFetch(true, asText), "a cookie that the reply sets", "res.cook(lang) en"},
	{"res.cook_cnt", KindInt, optName, needReply, cookieCount(true), "how many cookies the reply sets", "res.cook_cnt gt 3"},
	{"res.cook_val", KindInt, optName, needReply, cookieFetch(true, asNumber), "a cookie that the reply sets, as a number", "res.cook_val(seen) ge 3"},
	{"res.fhdr", KindStr, nameOcc, needReply, headFetch(replyFields, false, asText), "the whole value of a field of the reply", "res.fhdr(date) -m found"},
	{"res.fhdr_cnt", KindInt, optName, needReply, countFetch(replyFields, false), "how many fields of a name the reply has", "res.fhdr_cnt(set-cookie) gt 3"},
	{"res.hdr", KindStr, nameOcc, needReply, headFetch(replyFields, true, asText), "a value of a field of the reply, lists cut at commas", "res.hdr(server) -m beg nginx"},
	{"res.hdr_cnt", KindInt, optName, needReply, countFetch(replyFields, true), "how many values a field of the reply has", "res.hdr_cnt(via) gt 2"},
	{"res.hdr_ip", KindAddr, nameOcc, needReply, headFetch(replyFields, true, asAddr), "a value of a field of the reply as an address", "res.hdr_ip(x-real-ip) 192.0.2.1"},
	{"res.hdr_names", KindStr, optName, needReply, namesFetch(replyFields), "the names of all fields of the reply", "res.hdr_names -m sub etag"},
	{"res.hdr_val", KindInt, nameOcc, needReply, headFetch(replyFields, true, asNumber), "a value of a field of the reply as a number", "res.hdr_val(content-length) gt 1000000"},
	{"res.ver", KindStr, noArgs, needReply, fetchResVer, "1.0 or 1.1", "res.ver 1.1"},
	{"resp_ver", KindStr, noArgs, needReply, fetchResVer, "1.0 or 1.1 (res.ver)", "resp_ver 1.1"},
	{"scook", KindStr, optName, needReply, cookieFetch(true, asText), "a cookie that the reply sets (res.cook)", "scook(lang) en"},
	{"scook_cnt", KindInt, optName, needReply, cookieCount(true), "how many cookies the reply sets (res.cook_cnt)", "scook_cnt gt 3"},
	{"scook_val", KindInt, optName, needReply, cookieFetch(true, asNumber), "a cookie that the reply sets, as a number (res.cook_val)", "scook_val(seen) ge 3"},
	{"shdr", KindStr, nameOcc, needReply, headFetch(replyFields, true, asText), "a value of a field of the reply (res.hdr)", "shdr(server) -m beg nginx"},
	{"shdr_cnt", KindInt, optName, needReply, countFetch(replyFields, true), "how many values a field of the reply has (res.hdr_cnt)", "shdr_cnt(via) gt 2"},
	{"shdr_ip", KindAddr, nameOcc, needReply, headFetch(replyFields, true, asAddr), "a value of a field of the reply as an address (res.hdr_ip)", "shdr_ip(x-real-ip) 192.0.2.1"},
	{"shdr_val", KindInt, nameOcc, needReply, headFetch(replyFields, true, asNumber), "a value of a field of the reply as a number (res.hdr_val)", "shdr_val(content-length) gt 1000000"},
	{"src", KindAddr, noArgs, needNothing, fetchSrc, "the client's address", "src 192.0.2.0/24 ::1"},
	{"src_port", KindInt, noArgs, needNothing, fetchSrcPort, "the client's port", "src_port lt 1024"},
	{"srv_name", KindStr, noArgs, needServer, fetchServer, "the name of the server that answers", "srv_name a1"},
	{"ssl_fc", KindBool, noArgs, needNothing, fetchTLS, "the client's connection is encrypted", "ssl_fc"},
	{"status", KindInt, noArgs, needReply, fetchStatus, "the reply's status", "status 500:599"},
	{"str", KindStr, optName, needNothing, fetchStr, "a constant", "str(a) -m str a"},
	{"url", KindStr, noArgs, needRequest, fetchURL, "the request target as it came", "url *"},
	{"url_param", KindStr, nameDelim, needRequest, fetchParam, "a parameter of the query (urlp)", "url_param(lang) -m str en"},
	{"urlp", KindStr, nameDelim, needRequest, fetchParam, "a parameter of the query", "urlp(lang) en"},
	{"urlp_val", KindInt, nameDelim, needRequest, fetchParamNumber, "a parameter of the query as a number", "urlp_val(page) gt 100"},
	{"var", KindNone, varDefault, needNothing, fetchVar, "a variable of set-var", "var(txn.tier) -m str gold"},
	{"wait_end", KindBool, noArgs, needNothing, fetchTrue, "true: HTTP rules never have to wait", "wait_end"},
}
