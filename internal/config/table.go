package config

import "sync"

// table is the keyword table: every list of keywords, named here and nowhere
// else. It is built once; records are never changed.
var table = sync.OnceValue(func() *keywordTable {
	sectionHeaders = declareSections()
	return newTable(
		globalKeywords, proxyKeywords, optionKeywords, statsKeywords, ruleKeywords,
		bindOptions, serverOptions,
		globalOthers, proxyOthers, bindOthers, serverOthers, removedKeywords,
	)
})
