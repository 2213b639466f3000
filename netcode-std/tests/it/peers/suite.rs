//! Tests of every pair of a client and a server, by name of a scenario.

/// Tests of any pair. `$server` starts a server with so many slots; `$client` begins to connect
/// with an id and a token.
macro_rules! interoperates {
    ($server:expr, $client:expr, payloads: $lengths:expr) => {
        /// A connected pair; the token's timeout is in seconds.
        fn pair(slots: usize, timeout: i32) -> Pair {
            let server = $server(slots);
            let token = our_token(1, &[server.address()], timeout);
            Pair::connect(server, $client(1, &token), 1)
        }

        #[test]
        fn payloads_cross_whole() {
            pair(4, 5).exchanges(&$lengths);
        }

        #[test]
        fn silence_is_kept_alive() {
            pair(4, 1).stays_alive_in_silence();
        }

        #[test]
        fn it_ends_when_the_client_leaves() {
            pair(4, 20).ends_when_the_client_leaves();
        }

        #[test]
        fn it_ends_at_the_server_s_disconnect() {
            pair(4, 20).ends_when_the_server_says_so();
        }

        #[test]
        fn it_ends_when_the_server_falls_silent() {
            pair(4, 1).client_gives_up_on_a_silent_server();
        }

        #[test]
        fn it_ends_when_the_client_falls_silent() {
            pair(4, 1).server_gives_up_on_a_silent_client();
        }
    };
}

/// For servers that hand user data out.
macro_rules! brings_user_data {
    () => {
        #[test]
        fn user_data_arrives() {
            pair(4, 5).brings_its_user_data();
        }
    };
}

/// For servers whose number of slots can be chosen.
macro_rules! denies {
    ($client:expr) => {
        #[test]
        fn a_full_server_denies() {
            let pair = pair(1, 5);
            let token = our_token(2, &[pair.server.address()], 5);
            pair.denies($client(2, &token));
        }
    };
}

/// For clients that go on after a denial.
macro_rules! tries_the_next_address {
    ($server:expr, $client:expr) => {
        #[test]
        fn after_a_denial_the_next_address_is_tried() {
            let pair = pair(1, 5);
            let other = $server(4);
            let token = our_token(2, &[pair.server.address(), other.address()], 5);
            pair.sends_on(other, $client(2, &token), 2);
        }
    };
}
