-- What people have set, accepted, and whom they have invited.

CREATE TABLE api.settings (
    person_id  bigint NOT NULL REFERENCES api.people ON DELETE CASCADE,
    key        text COLLATE "C" NOT NULL,
    value      bytea NOT NULL,  -- sealed
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (person_id, key)
);

-- Versions of the terms of use. `sha256`: of the text behind the address.
CREATE TABLE api.terms (
    version      text COLLATE "C" PRIMARY KEY,
    url          text NOT NULL,
    sha256       bytea NOT NULL,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE api.accepted_terms (
    person_id   bigint NOT NULL REFERENCES api.people ON DELETE CASCADE,
    version     text NOT NULL REFERENCES api.terms,
    accepted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (person_id, version)
);

-- People whom an account wants among its signers. The code in the mail opens an invitation once.
CREATE TABLE api.invitations (
    invitation_id uuid PRIMARY KEY,
    account_id    bytea NOT NULL,
    inviter       bytea NOT NULL,
    role_id       numeric(20) NOT NULL,  -- the signer role that is meant
    address_hash  bytea NOT NULL,        -- look-up
    sealed        bytea NOT NULL,        -- sealed
    code_hash     bytea NOT NULL,        -- look-up
    signer        bytea,                 -- of who has accepted
    state         text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'ACCEPTED', 'WITHDRAWN')),
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz NOT NULL
);
CREATE INDEX invitations_account ON api.invitations (account_id, created_at);
