package master

import "fmt"

// ready tells systemd that the site is served, and what `systemctl status` shows.
func (m *Master) ready() { m.notify("READY=1\nSTATUS=" + m.status()) }

// status is one line about the process.
func (m *Master) status() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := "Serving"
	if m.worker != nil {
		text = fmt.Sprintf("Serving, worker %d", m.worker.pid)
	}
	if m.done+m.failed > 0 {
		text += fmt.Sprintf("; reloads: %d done, %d refused", m.done, m.failed)
	}
	if m.bad {
		text += ", the last one too: the files are not what is in force"
	}
	return text
}
