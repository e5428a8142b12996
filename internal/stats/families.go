package stats

import "strings"

// A Family is one name of the Prometheus form, for the manual.
type Family struct {
	Name   string
	Type   string // counter, gauge or histogram
	Labels []string
	Text   string
}

// HAProxys says that HAProxy exports the same name.
func (f *Family) HAProxys() bool { return strings.HasPrefix(f.Name, "haproxy_") }

// Families are all names that a scrape may have, in its order.
func Families() (list []Family) {
	kind := func(counter bool) string {
		if counter {
			return "counter"
		}
		return "gauge"
	}
	for i := range Info {
		if f := &Info[i]; f.Metric != "" {
			list = append(list, Family{"haproxy_process_" + f.Metric, kind(f.Counter), nil, f.Text})
		}
	}
	list = append(list, Family{"haproxy_process_build_info", "gauge", []string{"version"}, buildHelp})
	list = append(list, Family{"bascule_worker_restarts_total", "counter", nil, restartsHelp})
	for i := range ownGauges {
		list = append(list, Family{"bascule_" + ownGauges[i].name, "gauge", nil, ownGauges[i].help})
	}
	list = append(list, Family{"bascule_reloads_total", "counter", []string{"result"}, reloadsHelp},
		Family{handshakesTotal, "counter", []string{"side", "result"}, handshakesTotalHelp}, Family{handshakesNow, "gauge", []string{"side", "stage"}, handshakesNowHelp},
		Family{limitReached, "gauge", []string{"limit"}, limitReachedHelp})
	for i := range Activity {
		if f := &Activity[i]; f.Metric != "" {
			list = append(list, Family{"bascule_loop_" + f.Metric, kind(f.Counter), []string{"loop"}, f.Text})
		}
	}
	list = append(list, Family{"bascule_loop_turn_seconds", "histogram", []string{"loop"}, turnsHelp})
	for _, scope := range prometheusScopes {
		labels := []string{"proxy"}
		if scope.kind == Server || scope.kind == Listener {
			labels = append(labels, scope.name)
		}
		for i := range metrics {
			m := &metrics[i]
			if !m.on.Has(scope.kind) {
				continue
			}
			more := labels
			if m.states != nil {
				more = append(append([]string{}, labels...), m.stateLabel())
			}
			list = append(list, Family{m.prefix() + scope.name + "_" + m.name, kind(m.counter), more, m.text()})
		}
		for i := range histograms {
			if h := &histograms[i]; h.on.Has(scope.kind) {
				list = append(list, Family{"bascule_" + scope.name + "_" + h.name, "histogram", labels, h.help})
			}
		}
	}
	return list
}

// text is what the metric means.
func (m *metric) text() string {
	if m.help != "" {
		return m.help
	}
	return fieldByName(m.field).Text
}
