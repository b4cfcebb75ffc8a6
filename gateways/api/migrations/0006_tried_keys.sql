-- Every commit of an upload copies to a name of its own, as those of documents do: two at once cannot
-- change what one of them has checked. `object_key`: the copy that a blob has; null: none yet.
ALTER TABLE api.uploads
    ADD COLUMN tried_keys text[] COLLATE "C" NOT NULL DEFAULT '{}',
    ALTER COLUMN object_key DROP NOT NULL,
    ALTER COLUMN upload_key DROP NOT NULL;
UPDATE api.uploads SET tried_keys = ARRAY[object_key];
UPDATE api.uploads SET object_key = NULL WHERE NOT is_kept AND has_room;
