package drill

import (
	"context"
	"fmt"
	"time"

	"bascule/internal/fleet"
)

// sabotage runs a chat client that notes honestly what its user says and sends it
// dishonestly: of four messages one never and one twice. It ends with talking, or with
// its connection, which it does not renew.
func sabotage(online, talking context.Context, c *Chat, pace time.Duration) {
	defer c.http.Close()
	conn, err := c.dial(online)
	if err != nil {
		c.ended(false, err)
		return
	}
	defer func() { _ = conn.CloseNow() }()
	hello, err := receive(online, conn)
	if err != nil {
		c.ended(false, err)
		return
	}
	c.begin(hello)
	done := make(chan struct{})
	// Ends when the connection does; waited for below.
	go func() { defer close(done); c.ended(true, c.receive(online, conn)) }()
	defer func() { <-done }()
	next := time.NewTicker(pace)
	defer next.Stop()
	number := hello.Number
	for n := 1; ; n++ {
		select {
		case <-done:
			return
		case <-talking.Done():
			<-online.Done()
			return
		case <-next.C:
		}
		text := fmt.Sprintf("%s says %d", c.Client, n)
		c.Said(text)
		for range [...]int{1, 0, 2, 1}[n%4] {
			number++
			if write(online, conn, fleet.Frame{Type: fleet.FrameSay, Number: number, Text: text}) != nil {
				return
			}
		}
	}
}
