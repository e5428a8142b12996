package config

// A CookieCapture is capture cookie NAME len N; Name "": none.
type CookieCapture struct {
	Name string
	Len  int
}

// A Capture is capture request|response header NAME len N.
type Capture struct {
	Name     string
	Len      int
	Response bool
}
