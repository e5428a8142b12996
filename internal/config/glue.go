package config

import (
	"bascule/internal/lang"
	"bascule/internal/logs"
)

func parseTarget(words []lang.Word, _ *lang.Problems) *logs.Target {
	return &logs.Target{Addr: words[0].Text, Facility: 16, MinLevel: 7, Len: 1024}
}

func logsParseFormat(string, lang.Word, *lang.Problems) *logs.Format { return nil }
func logsHTTPLog() *logs.Format                                      { return nil }
func logsTCPLog() *logs.Format                                       { return nil }
func logsDefaultLog() *logs.Format                                   { return nil }
