package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"bascule/internal/fleet"
)

// settlePoll is how often clients that are not done yet are looked at.
const settlePoll = 20 * time.Millisecond

// ChatReport is the balance of what clients said against what Redis keeps and what
// other clients read. All numbers are of messages, but for Clients.
type ChatReport struct {
	Clients int   `json:"clients"`
	Said    int64 `json:"said"`
	Stored  int64 `json:"stored"`
	Read    int64 `json:"read"` // deliveries that were due, one for each reader
	// Lost were said and are not stored; Doubled are stored more often than said;
	// Foreign are stored and nobody said them.
	Lost    int64 `json:"lost"`
	Doubled int64 `json:"doubled"`
	Foreign int64 `json:"foreign"`
	// Unread never reached a reader, ReadTwice reached one more than once.
	Unread    int64 `json:"unread"`
	ReadTwice int64 `json:"read_twice"`
}

// Clean says that nothing was lost or doubled, neither in Redis nor on the way to a
// reader.
func (r ChatReport) Clean() bool {
	return r.Lost+r.Doubled+r.Foreign+r.Unread+r.ReadTwice == 0
}

func (r ChatReport) String() string {
	return fmt.Sprintf("%d clients said %d messages: %d lost, %d doubled; of %d deliveries %d lost, %d doubled",
		r.Clients, r.Said, r.Lost, r.Doubled+r.Foreign, r.Read, r.Unread, r.ReadTwice)
}

// VerifyChats waits until all that was said is acknowledged and read, for as long as
// ctx lasts at most, and then compares the ledgers with the rooms. Nobody else may have
// written to the rooms.
func VerifyChats(ctx context.Context, site Site, ledgers []*Ledger) (ChatReport, error) {
	client := NewClient(site)
	defer client.Close()
	// The end of ctx ends the waiting, not the reading.
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), replyWait)
	defer cancel()
	if err := client.Login(reading, "auditor"); err != nil {
		return ChatReport{}, err
	}
	settle(ctx, func() bool { return allAcked(ledgers) })
	rooms := map[string][]fleet.Message{}
	for _, ledger := range ledgers {
		if _, ok := rooms[ledger.Room]; ok {
			continue
		}
		messages, err := readRoom(reading, client, ledger.Room)
		if err != nil {
			return ChatReport{}, err
		}
		rooms[ledger.Room] = messages
	}
	settle(ctx, func() bool { return allRead(ledgers, rooms) })
	return compare(ledgers, rooms), nil
}

// settle polls until done or ctx ends.
func settle(ctx context.Context, done func() bool) {
	poll := time.NewTicker(settlePoll)
	defer poll.Stop()
	for !done() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

func allAcked(ledgers []*Ledger) bool {
	for _, ledger := range ledgers {
		if said, acked, _, _ := ledger.progress(); acked < said {
			return false
		}
	}
	return true
}

func allRead(ledgers []*Ledger, rooms map[string][]fleet.Message) bool {
	for _, ledger := range ledgers {
		_, _, position, begun := ledger.progress()
		if begun && position < int64(len(rooms[ledger.Room])) {
			return false
		}
	}
	return true
}

// readRoom reads a room's messages from the first on. A position that is missing is an
// error: it is the ground on which everything is compared.
func readRoom(ctx context.Context, client *Client, room string) ([]fleet.Message, error) {
	var all []fleet.Message
	for {
		reply, err := client.Do(ctx, http.MethodGet, fmt.Sprintf("/api/v1/rooms/%s/messages?after=%d", room, len(all)), "")
		if err != nil {
			return nil, err
		}
		if reply.Status != http.StatusOK {
			return nil, fmt.Errorf("room %s: %d %.80s", room, reply.Status, reply.Body)
		}
		var some []fleet.Message
		if err := json.Unmarshal(reply.Body, &some); err != nil {
			return nil, fmt.Errorf("room %s: %w", room, err)
		}
		if len(some) == 0 {
			return all, nil
		}
		for _, message := range some {
			if want := int64(len(all)) + 1; message.Position != want {
				return nil, fmt.Errorf("room %s: position %d where %d was due", room, message.Position, want)
			}
			all = append(all, message)
		}
	}
}

// compare counts texts, not numbers: a client that sends the same text under a new
// number doubles it as well.
func compare(ledgers []*Ledger, rooms map[string][]fleet.Message) ChatReport {
	report := ChatReport{Clients: len(ledgers)}
	type owner struct{ room, user, client string }
	stored := map[owner]map[string]int{}
	for room, messages := range rooms {
		report.Stored += int64(len(messages))
		for _, m := range messages {
			by := owner{room, m.User, m.Client}
			if stored[by] == nil {
				stored[by] = map[string]int{}
			}
			stored[by][m.Text]++
		}
	}
	for _, ledger := range ledgers {
		texts, unread, readTwice := ledger.counts()
		said, _, position, begun := ledger.progress()
		report.Said += said
		kept := stored[owner{ledger.Room, ledger.User, ledger.Client}]
		for text, times := range texts {
			report.Lost += int64(max(0, times-kept[text]))
			report.Doubled += int64(max(0, kept[text]-times))
			delete(kept, text)
		}
		last := int64(len(rooms[ledger.Room]))
		report.Unread += unread
		report.ReadTwice += readTwice
		if begun {
			report.Unread += max(0, last-position)
			report.Read += last - ledger.begun()
		}
	}
	for _, kept := range stored {
		for _, times := range kept {
			report.Foreign += int64(times)
		}
	}
	return report
}
