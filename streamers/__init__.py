"""Long-running: events in, signals out. The odds streamer decides whether a quote changed; the fill streamers tell who
traded; the score streamer says when a fixture moves; reminders tell owners of orders they may have lost; the guard
watches that everybody is alive."""
