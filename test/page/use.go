package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// open shows an address; credentials "user:password" go with every request.
func (b *browser) open(url, credentials string) error {
	headers := map[string]any{}
	if credentials != "" {
		headers["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
	}
	if _, err := b.call("Network.setExtraHTTPHeaders", map[string]any{"headers": headers}); err != nil {
		return err
	}
	_, err := b.call("Page.navigate", map[string]any{"url": url})
	return err
}

// eval runs an expression in the page, waits for its promise, and reads its value into out.
func (b *browser) eval(expression string, out any) error {
	text, err := b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true})
	if err != nil {
		return err
	}
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	if e := r.ExceptionDetails; e != nil {
		return errors.New(e.Text + " " + e.Exception.Description)
	}
	if out == nil || len(r.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(r.Result.Value, out)
}

// until waits for a condition in the page, for at most a time; it returns how long it took.
func (b *browser) until(condition string, most time.Duration) (time.Duration, error) {
	began := time.Now()
	for {
		var ok bool
		err := b.eval("Boolean("+condition+")", &ok)
		if ok {
			return time.Since(began), nil
		}
		if time.Since(began) > most {
			if err == nil {
				err = errors.New("it is false")
			}
			return 0, fmt.Errorf("in vain after %s: %s: %w", most, condition, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// size makes the window so large, of a telephone or not.
func (b *browser) size(width, height int, mobile bool) error {
	_, err := b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile})
	return err
}

// prefer sets what the system says: light or dark.
func (b *browser) prefer(scheme string) error {
	_, err := b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]any{{"name": "prefers-color-scheme", "value": scheme}}})
	return err
}

// press presses and releases a key.
func (b *browser) press(key, code string, number int) error {
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		p := map[string]any{"type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number}
		if kind == "rawKeyDown" && (key == "Enter" || len(key) == 1) {
			p["type"], p["text"] = "keyDown", key
			if key == "Enter" {
				p["text"] = "\r"
			}
		}
		if _, err := b.call("Input.dispatchKeyEvent", p); err != nil {
			return err
		}
	}
	return nil
}

// picture writes what the window shows as PNG.
func (b *browser) picture(file string) error {
	text, err := b.call("Page.captureScreenshot", map[string]any{"format": "png"})
	if err != nil {
		return err
	}
	var shot struct{ Data []byte }
	if err := json.Unmarshal(text, &shot); err != nil {
		return err
	}
	return os.WriteFile(file, shot.Data, 0o644)
}
