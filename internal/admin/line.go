package admin

import "strings"

// SplitCommands cuts a line at each ";" that no backslash stands before.
func SplitCommands(line string) []string {
	var list []string
	start := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case ';':
			list = append(list, line[start:i])
			start = i + 1
		}
	}
	return append(list, line[start:])
}

// splitArgs cuts a command into words at blanks. A backslash takes the next
// byte as it is.
func splitArgs(command string) []string {
	var args []string
	var word strings.Builder
	inside := false
	for i := 0; i < len(command); i++ {
		switch b := command[i]; {
		case b == '\\' && i+1 < len(command):
			i++
			word.WriteByte(command[i])
			inside = true
		case b == ' ' || b == '\t' || b == '\r':
			if inside {
				args = append(args, word.String())
				word.Reset()
				inside = false
			}
		default:
			word.WriteByte(b)
			inside = true
		}
	}
	if inside {
		args = append(args, word.String())
	}
	return args
}

// cutPayload takes the start of a payload off a command: "<<" or "<<PATTERN"
// as its last word. end is the line that ends the payload.
func cutPayload(command string) (rest, end string, ok bool) {
	trimmed := strings.TrimRight(command, " \t\r")
	i := strings.LastIndex(trimmed, "<<")
	if i < 0 || i > 0 && trimmed[i-1] != ' ' && trimmed[i-1] != '\t' {
		return command, "", false
	}
	if end = trimmed[i+2:]; strings.ContainsAny(end, " \t") {
		return command, "", false
	}
	return trimmed[:i], end, true
}
