"""TR-369 (USP): empty yet; its codec, controller and transports come with their issue."""
