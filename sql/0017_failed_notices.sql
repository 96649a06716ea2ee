-- A notice that failed keeps the event that it told of, so that it can be sent again (omctl notices resend).
ALTER TABLE notifications.notifications ADD COLUMN event bytea;
