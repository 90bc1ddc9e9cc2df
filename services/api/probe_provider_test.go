package api

func (r response) says(code int) string {
	for _, m := range r.Messages {
		if m.Code == code {
			return m.Message
		}
	}
	return ""
}
