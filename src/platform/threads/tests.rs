//! Payloads, refusals, chains, and what becomes of containers.
