namespace Registry.WebRtc.Tests.Sdp;

/// <summary>Descriptions as other stacks write them.</summary>
internal static class SdpSamples
{
    private const string Hash = "7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08";

    public const string Chromium = $"""
        v=0
        o=- 4611731400430051336 2 IN IP4 127.0.0.1
        s=-
        t=0 0
        a=group:BUNDLE 0
        a=extmap-allow-mixed
        a=msid-semantic: WMS
        m=application 50579 UDP/DTLS/SCTP webrtc-datachannel
        c=IN IP4 192.168.1.5
        a=candidate:1467250027 1 udp 2122260223 192.168.1.5 50579 typ host generation 0 network-id 1 network-cost 10
        a=candidate:2931213127 1 tcp 1518280447 192.168.1.5 9 typ host tcptype active generation 0 network-id 1 network-cost 10
        a=ice-ufrag:cz8k
        a=ice-pwd:hIVxQ5kOUZzxRcbC1mUvlIbd
        a=ice-options:trickle
        a=fingerprint:sha-256 {Hash}
        a=setup:actpass
        a=mid:0
        a=sctp-port:5000
        a=max-message-size:262144

        """;

    public const string Firefox = $"""
        v=0
        o=mozilla...THIS_IS_SDPARTA-99.0 4962303333179871723 0 IN IP4 0.0.0.0
        s=-
        t=0 0
        a=sendrecv
        a=fingerprint:sha-256 {Hash}
        a=group:BUNDLE 0
        a=ice-options:trickle
        a=msid-semantic:WMS *
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel
        c=IN IP4 0.0.0.0
        a=candidate:0 1 UDP 2122252543 6a5ed4f6-bd9c-4a79-9f0e-2a1c84d5b5c9.local 52413 typ host
        a=sendrecv
        a=end-of-candidates
        a=ice-pwd:ac82a5dd5d3ae6dfa2a52d4a2dc9bcbe
        a=ice-ufrag:a9c7c6e9
        a=mid:0
        a=setup:actpass
        a=sctp-port:5000
        a=max-message-size:1073741823

        """;

    public const string LibDataChannel = $"""
        v=0
        o=rtc 1893485206 0 IN IP4 127.0.0.1
        s=-
        t=0 0
        a=group:BUNDLE 0
        a=group:LS 0
        a=msid-semantic:WMS *
        a=setup:actpass
        a=ice-ufrag:Uzt/
        a=ice-pwd:p+5eDE3kxZPLhVMSvHvtV5
        a=ice-options:ice2,trickle
        a=fingerprint:sha-256 {Hash}
        m=application 56117 UDP/DTLS/SCTP webrtc-datachannel
        c=IN IP4 192.0.2.15
        a=mid:0
        a=sendrecv
        a=sctp-port:5000
        a=max-message-size:262144
        a=candidate:1 1 UDP 2122317823 192.0.2.15 56117 typ host
        a=end-of-candidates

        """;

    public const string Werift = $"""
        v=0
        o=- 51034208 0 IN IP4 0.0.0.0
        s=-
        t=0 0
        a=group:BUNDLE 0
        a=extmap-allow-mixed
        a=msid-semantic:WMS *
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel
        c=IN IP4 0.0.0.0
        a=ice-ufrag:35d2
        a=ice-pwd:6f3af04b8bc77efa7b6b4fa4d0e1c6
        a=ice-options:trickle
        a=fingerprint:sha-256 {Hash}
        a=setup:active
        a=mid:0
        a=sctp-port:5000
        a=max-message-size:65536

        """;

    /// <summary>libwebrtc with <c>legacy</c> data channels and audio bundled before them.</summary>
    public const string LibWebRtcWithAudio = $"""
        v=0
        o=- 8166425093021417352 2 IN IP4 127.0.0.1
        s=-
        t=0 0
        a=group:BUNDLE audio data
        a=msid-semantic: WMS
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9
        c=IN IP4 0.0.0.0
        a=rtcp:9 IN IP4 0.0.0.0
        a=ice-ufrag:Kz0A
        a=ice-pwd:P0/xSmvuqrpT3zGo5ZkXpMrz
        a=ice-options:trickle
        a=fingerprint:sha-256 {Hash}
        a=setup:actpass
        a=mid:audio
        a=rtcp-mux
        a=rtpmap:111 opus/48000/2
        m=application 0 UDP/DTLS/SCTP webrtc-datachannel
        c=IN IP4 0.0.0.0
        a=bundle-only
        a=mid:data
        a=sctp-port:5000

        """;

    public const string LegacySctpMap = $"""
        v=0
        o=- 20518 0 IN IP4 203.0.113.1
        s=-
        t=0 0
        a=ice-lite
        a=ice-ufrag:074c6550
        a=ice-pwd:a28a397a4c3f31747d1ee3474af08a068
        a=fingerprint:sha-1 99:41:49:83:4A:97:0E:1F:EF:6D:F7:C9:C7:70:9D:1F:66:79:A8:07
        a=fingerprint:sha-256 {Hash}
        m=application 54609 DTLS/SCTP 5001
        c=IN IP4 203.0.113.1
        a=mid:data
        a=setup:passive
        a=sctpmap:5001 webrtc-datachannel 256

        """;
}
