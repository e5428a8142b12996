package config

import "sync"

// table is the keyword table: every list of keywords, named here and nowhere
// else. It is built once; records are never changed.
var table = sync.OnceValue(func() *keywordTable {
	sectionHeaders = declareSections()
	return newTable(
		globalKeywords, tuneKeywords, descriptorKeywords, proxyKeywords, balanceKeywords, serverRuleKeywords, optionKeywords, replayKeywords, replayTuning, drainRemoved, statsKeywords, statsAdmin, statsLive, variableKeywords, ruleKeywords, checkKeywords,
		tcpKeywords, socketKeywords,
		bindOptions, sslOptions, sslDefaults, serverOptions, serverTLSOptions, serverCheckOptions, globalTLSKeywords,
		idleKeywords, connectionOptions, idleOptions,
		globalOthers, proxyOthers, bindOthers, serverOthers, removedKeywords,
	)
})
