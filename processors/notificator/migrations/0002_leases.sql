-- A lease is renewed by every attempt: in no index, and with room in the page, that is cheap.

DROP INDEX notificator.messages_sending;
CREATE INDEX messages_sending ON notificator.messages (worker) WHERE state = 'SENDING';
ALTER TABLE notificator.messages SET (fillfactor = 80);
