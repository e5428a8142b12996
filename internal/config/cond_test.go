package config

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// conditions are asked of both programs; what depends on the version or the
// build is not among them.
var conditions = []string{
	"", "0", "1", "42", "-1", "!0", "!1", "!!1", "(1)", "((0))", "!(0)", "1 && 0", "1 && 1", "0 || 1", "0 || 0",
	"1 || 0 && 0", "(1 || 0) && 0", "!0 && !0", "1&&1", "0||1", " 1 ", "defined(PATH)", "defined(CFGTEST_NEVER)", "!defined(CFGTEST_NEVER)",
	"streq(a,a)", "streq(a,b)", "streq(a, a)", "strneq(a,b)", "strneq(a,a)", "streq(,)", `streq("$CFGTEST_SET",yes)`, `streq("${CFGTEST_NEVER-x}",x)`,
	`streq("a b","a b")`, "version_atleast(1.8)", "version_atleast(99)", "version_before(1.8)", "version_before(2.4-dev19)", "version_atleast(2.4-dev19)",
	"version_atleast(2)", "version_atleast(2.4.0)", "feature(EPOLL)", "feature(NOTHING)", "!feature(NOTHING)",
	// malformed
	"foo", "foo()", "streq(a", "streq(a)", "streq(a,b,c)", "streq a b", "(1", "1)", "1 1", "1 &&", "&& 1", "||", "!", "()", "1 & 1", "1 | 1", "streq(a,a))", "'", `"`,
	"yes", "1a", "a1",
}

func TestAConditionIsWhatHAProxySays(t *testing.T) {
	t.Setenv("CFGTEST_SET", "yes")
	env := System()
	env.Version = "2.6.12"
	env.Enabled = func(name string) bool { return name == "POLL" }
	for _, cond := range conditions {
		value, err := EvalCondition(cond, env)
		out, runErr := exec.Command("haproxy", "-cc", cond).CombinedOutput()
		if exit := (*exec.ExitError)(nil); runErr != nil && !errors.As(runErr, &exit) {
			t.Fatalf("haproxy is needed as the oracle: %v", runErr)
		}
		bad := strings.Contains(string(out), "[ALERT]")
		if value != (runErr == nil) || (err != nil) != bad {
			t.Errorf("%q: got %v, %v; haproxy says %v\n%s", cond, value, err, runErr, out)
		}
	}
}

func TestConditionsThatCameAfterTheOracle(t *testing.T) {
	env := System()
	env.Enabled = func(name string) bool { return name == "POLL" }
	for cond, want := range map[string]string{
		"strstr(abc,b)": "true", "strstr(abc,x)": "false", "enabled(POLL)": "true", "enabled(EPOLL)": "false", "enabled(NOTHING)": "error",
		"version_atleast(3.2)": "true", "version_atleast(3.3-dev1)": "false", "version_before(3.3)": "true", "feature(BASCULE)": "true", "feature(OPENSSL)": "true",
		"ssllib_name_startswith(OpenSSL)": "false", "openssl_version_atleast(1.1.1)": "false", "fips_mode()": "false", "version_atleast(x)": "error",
		strings.Repeat("!", 5000) + "1": "error",
	} {
		got := "false"
		if value, err := EvalCondition(cond, env); err != nil {
			got = "error"
		} else if value {
			got = "true"
		}
		if got != want {
			t.Errorf("%q is %s, want %s", cond, got, want)
		}
	}
}
