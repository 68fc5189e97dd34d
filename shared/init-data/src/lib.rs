//! Verify, parse and sign Telegram Mini App init data and Login Widget data.
