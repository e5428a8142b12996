package drill

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"bascule/internal/drill/traffic"
)

// replyWait is how long a client waits for a reply, as patient as a browser: longer
// than every timeout of the example that ends in an answer.
const replyWait = 90 * time.Second

// Client is one user: a keep-alive connection and cookies. Unlike net/http's client it
// never sends a request again by itself, so that whatever the balancer loses shows. It
// is for one goroutine.
type Client struct {
	Site Site

	cookies map[string]string
	conn    net.Conn
	read    *bufio.Reader
}

// Reply is a whole answer.
type Reply struct {
	Status int
	Server string // which of the fleet answered: X-Server
	Header http.Header
	Body   []byte
	Sent   time.Time // when the request left, or would have
	Took   time.Duration
}

// Site is where clients go, and what they trust there.
type Site = traffic.Site

// NewClient makes a client of a site.
func NewClient(site Site) *Client {
	return &Client{Site: site, cookies: map[string]string{}}
}

// Do sends one request and reads its reply. With an error, the reply still says when
// the request left and how long it took to fail.
func (c *Client) Do(ctx context.Context, method, path, body string) (Reply, error) {
	reply := Reply{Sent: time.Now()}
	err := c.connect(ctx)
	if err == nil {
		reply.Sent = time.Now()
		stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
		err = c.exchange(&reply, method, path, body)
		stop()
	}
	reply.Took = time.Since(reply.Sent)
	if err != nil {
		c.Close()
		return reply, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return reply, nil
}

// connect keeps the connection if the other side has not closed it.
func (c *Client) connect(ctx context.Context) error {
	if c.conn != nil && traffic.Quiet(c.conn) {
		return nil
	}
	c.Close()
	conn, err := c.Site.Dial(ctx, &net.Dialer{Timeout: replyWait})
	if err != nil {
		return err
	}
	c.conn, c.read = conn, bufio.NewReader(conn)
	return nil
}

func (c *Client) exchange(reply *Reply, method, path, body string) error {
	if err := c.conn.SetDeadline(time.Now().Add(replyWait)); err != nil {
		return err
	}
	req, err := http.NewRequest(method, c.Site.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range c.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if err := req.Write(c.conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.read, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if reply.Body, err = io.ReadAll(resp.Body); err != nil {
		return err
	}
	reply.Status, reply.Header, reply.Server = resp.StatusCode, resp.Header, resp.Header.Get("X-Server")
	c.keepCookies(resp.Cookies())
	if resp.Close {
		c.Close()
	}
	return nil
}

func (c *Client) keepCookies(cookies []*http.Cookie) {
	for _, cookie := range cookies {
		if cookie.MaxAge < 0 || cookie.Value == "" {
			delete(c.cookies, cookie.Name)
		} else {
			c.cookies[cookie.Name] = cookie.Value
		}
	}
}

// Close ends the connection; the next request makes a new one.
func (c *Client) Close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// Login logs the client in; its cookies say so from then on.
func (c *Client) Login(ctx context.Context, user string) error {
	reply, err := c.Do(ctx, http.MethodPost, "/api/v1/login", fmt.Sprintf(`{"user":%q}`, user))
	if err == nil && reply.Status != http.StatusOK {
		err = fmt.Errorf("login: %d %.80s", reply.Status, reply.Body)
	}
	return err
}

// cookieHeader is the Cookie header of a request that another client sends.
func (c *Client) cookieHeader() string {
	pairs := make([]string, 0, len(c.cookies))
	for name, value := range c.cookies {
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "; ")
}
