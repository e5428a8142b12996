package fleet

// Message is one chat message as Redis keeps it and every reader gets it.
type Message struct {
	// Position counts from 1 in each room without a gap, so that a reader who sees 7
	// behind 5 knows that one is lost.
	Position int64  `json:"position"`
	User     string `json:"user"`
	// Client and Number are the sender's own: Number counts from 1 without a gap for
	// each client, and a number that is already stored is not stored again.
	Client string `json:"client"`
	Number int64  `json:"number"`
	Text   string `json:"text"`
	// Server stored the message, which need not be the one that delivers it.
	Server string `json:"server"`
}

// Frame types of the chat, each one JSON text frame.
const (
	// FrameHello is the first frame from the server: Server, User, Auth ("local" or
	// "redis"), Number (the client's last stored one) and Position (the room's last).
	FrameHello = "hello"
	// FrameSay is the only frame from the client: Number and Text.
	FrameSay = "say"
	// FrameAck tells the sender that Number is stored in Redis; Again when it was
	// already, from an earlier attempt.
	FrameAck = "ack"
	// FrameGap refuses a say that skipped numbers; Number is the last stored one, and
	// the client sends again from the next.
	FrameGap = "gap"
	// FrameMessage delivers Message. Readers get every position once and in order.
	FrameMessage = "message"
	// FramePresence tells how many users are Online in the room, whenever that changed.
	FramePresence = "presence"
	// FrameError says why the server closes the connection.
	FrameError = "error"
)

// Frame is one frame of the chat in either direction; Type says which fields it has.
type Frame struct {
	Type     string   `json:"type"`
	Server   string   `json:"server,omitempty"`
	User     string   `json:"user,omitempty"`
	Auth     string   `json:"auth,omitempty"`
	Number   int64    `json:"number,omitempty"`
	Position int64    `json:"position,omitempty"`
	Again    bool     `json:"again,omitempty"`
	Text     string   `json:"text,omitempty"`
	Message  *Message `json:"message,omitempty"`
	Online   int      `json:"online,omitempty"`
	Error    string   `json:"error,omitempty"`
}

const (
	// MaxText bounds the text of a message, in bytes.
	MaxText = 4096
	// maxFrame is a say with MaxText bytes that JSON escapes to six each.
	maxFrame = 6*MaxText + 512
	// maxName bounds the names of users, rooms and clients, which become keys in Redis.
	maxName = 64
)

// validName says whether name may be that of a user, room or client.
func validName(name string) bool { return len(name) <= maxName && validTrack(name) }
