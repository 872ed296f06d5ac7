// A room in a terminal: TOKEN=… go run . [ROOM] [URL]
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math"
	mrand "math/rand"
	"os"
	"time"

	"github.com/gorilla/websocket"
)

type message struct {
	Type      string         `json:"type"`
	ID        string         `json:"id"`
	Timestamp string         `json:"timestamp"`
	Payload   map[string]any `json:"payload"`
	sentAt    time.Time      // For the first time. Without a monotonic part: that stops in a sleep.
}

// Rule 2: each message has an id of its own.
func newMessage(kind string, payload map[string]any) message {
	id := make([]byte, 16)
	rand.Read(id)
	now := time.Now().UTC().Round(0)
	return message{kind, hex.EncodeToString(id), now.Format(time.RFC3339), payload, now}
}

func auth() message {
	return newMessage("auth", map[string]any{"token": os.Getenv("TOKEN")})
}

type chat struct {
	lines      chan string
	unanswered []message // Sent again after a reconnect, with the same ids.
}

// Serves one connection until it is lost. It reports whether the client was admitted.
func (c *chat) serve(url string) (admitted bool, err error) {
	subprotocols := []string{"recipe-chat.v2"}
	dialer := websocket.Dialer{Subprotocols: subprotocols, HandshakeTimeout: 10 * time.Second}
	socket, _, err := dialer.Dial(url, nil)
	if err != nil {
		return false, err
	}
	defer socket.Close()
	received, lost, done := make(chan message), make(chan error, 1), make(chan struct{})
	defer close(done)
	silence := 60 * time.Second // Until the server says how often it pings.
	isAlive := func() { socket.SetReadDeadline(time.Now().Add(silence)) }
	pong := socket.PingHandler()
	socket.SetPingHandler(func(data string) error {
		isAlive()
		return pong(data)
	})
	go func() { // Rule 9.
		for {
			isAlive()
			var m message
			if err := socket.ReadJSON(&m); err != nil {
				lost <- err
				return
			}
			session, _ := m.Payload["session"].(map[string]any)
			if ms, _ := session["ping_interval_ms"].(float64); ms > 0 {
				silence = 2 * time.Duration(ms) * time.Millisecond
			}
			select {
			case received <- m:
			case <-done:
				return
			}
		}
	}()
	send := []message{auth()} // Rule 1.
	for {
		for _, m := range send {
			if socket.WriteJSON(m) != nil {
				break // The close frame says why. It comes after what was received before.
			}
		}
		send = nil
		lines := c.lines
		if !admitted {
			lines = nil
		}
		select {
		case err := <-lost:
			return admitted, err
		case line := <-lines:
			said := newMessage("chat_message", map[string]any{"content": line})
			c.unanswered = append(c.unanswered, said)
			send = []message{said}
		case m := <-received:
			c.answered(m.Payload["request_id"]) // Rule 3.
			switch m.Type {
			case "auth_required": // Rule 5. In production: a new token.
				send = []message{auth()}
			case "recipe_update", "chat_message":
				fmt.Println(m.Payload["content"])
			case "error":
				fmt.Println("refused:", m.Payload["message"])
			} // Rule 8: other types are ignored.
			if m.Payload["session"] != nil && !admitted {
				c.forgetOld()
				admitted, send = true, c.unanswered // Rule 4.
			}
		}
	}
}

// After ten minutes, the server might do them twice.
func (c *chat) forgetOld() {
	for len(c.unanswered) > 0 && time.Since(c.unanswered[0].sentAt) > 9*time.Minute {
		fmt.Println("it may have arrived, or not:", c.unanswered[0].Payload["content"])
		c.unanswered = c.unanswered[1:]
	}
}

func (c *chat) answered(id any) {
	for i, m := range c.unanswered {
		if m.ID == id {
			c.unanswered = append(c.unanswered[:i:i], c.unanswered[i+1:]...)
			return
		}
	}
}

func main() {
	room, url := "soup", "ws://127.0.0.1:8080"
	if len(os.Args) > 1 {
		room = os.Args[1]
	}
	if len(os.Args) > 2 {
		url = os.Args[2]
	}
	c := &chat{lines: make(chan string)}
	go func() {
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
			c.lines <- input.Text()
		}
	}()
	for failures := 0.0; ; failures++ {
		admitted, err := c.serve(url + "/v1/chat/" + room)
		// Rule 7, kept simple: after these codes it does not reconnect.
		if websocket.IsCloseError(err, 1000, 1002, 1003, 1007, 1008, 1009) {
			fmt.Println("closed:", err)
			return
		}
		if admitted {
			failures = 0
		}
		most := math.Min(30, math.Pow(2, failures))
		time.Sleep(time.Duration(mrand.Float64() * most * float64(time.Second))) // Rule 6.
	}
}
