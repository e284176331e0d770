using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Registry.WebRtc.Sctp;

/// <summary>How an SCTP association behaves; both numbers of the wire and limits of this side.</summary>
internal sealed record SctpOptions
{
    public static readonly SctpOptions Default = new();

    /// <summary>SCTP port of both sides (a=sctp-port).</summary>
    public ushort Port { get; init; } = 5000;

    /// <summary>SCTP packets in bytes at first, a multiple of four: with DTLS (37), UDP (8) and IPv6 (40) it fits into 1,280 bytes, the least MTU of IPv6.</summary>
    public int BasePacketSize { get; init; } = 1192;

    /// <summary>Largest SCTP packet to try on the path, a multiple of four; at or below <see cref="BasePacketSize"/> none is tried.</summary>
    public int MaxPacketSize { get; init; } = 1192;

    /// <summary>Bytes that may wait in the send buffer, all streams together, before sending is refused.</summary>
    public int SendBufferSize { get; init; } = 1024 * 1024;

    /// <summary>Receive window at first: bytes received and not yet taken by the application, all streams together.</summary>
    public int ReceiveBufferSize { get; init; } = 4 * 1024 * 1024;

    /// <summary>What the receive window may grow to where rate and round trip ask for it; at or below <see cref="ReceiveBufferSize"/> it stays as it is.</summary>
    public int MaxReceiveBufferSize { get; init; }

    /// <summary>Most user bytes in flight, whatever the congestion window and the peer's receive window allow.</summary>
    public int MaxBytesInFlight { get; init; } = 16 * 1024 * 1024;

    /// <summary>Largest message accepted from the peer.</summary>
    public int MaxMessageSize { get; init; } = 256 * 1024;

    /// <summary>Most channels open at a time; further ones of the peer are refused by resetting their stream.</summary>
    public int MaxChannels { get; init; } = 4096;

    /// <summary>Retransmission timeout before a round trip was measured. RFC 9260 §16 says 1 s; ICE and DTLS have just proven this path.</summary>
    public TimeSpan InitialRto { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Least margin of the retransmission timeout over the smoothed round trip; a little above the 200 ms by which a peer may delay its SACK.</summary>
    public TimeSpan MinimumRto { get; init; } = TimeSpan.FromMilliseconds(220);

    /// <summary>Longest retransmission timeout.</summary>
    public TimeSpan MaximumRto { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest delay of an acknowledgement (RFC 9260 §6.2: at most 200 ms).</summary>
    public TimeSpan SackDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Idle time after which the path is probed.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Life of a state cookie (RFC 9260 §16).</summary>
    public TimeSpan CookieLifetime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Retransmissions of INIT or COOKIE ECHO before the association fails (RFC 9260 §16).</summary>
    public int MaxInitRetransmits { get; init; } = 8;

    /// <summary>Consecutive timeouts without any answer before the association fails (RFC 9260 §8.1).</summary>
    public int MaxRetransmits { get; init; } = 10;

    /// <summary>Initial congestion window in packets (RFC 6928).</summary>
    public int InitialWindowPackets { get; init; } = 10;

    /// <summary>Whether messages of different streams may be interleaved, if the peer agrees (RFC 8260).</summary>
    public bool Interleaving { get; init; }

    /// <summary>The congestion controller.</summary>
    public CongestionControl CongestionControl { get; init; } = CongestionControl.Bbr;

    /// <summary>Source of tags, initial TSN and cookie secret; unpredictable in production, seeded in tests.</summary>
    public Func<uint> NextRandom { get; init; } = SecureRandom;

    private static uint SecureRandom()
    {
        Span<byte> bytes = stackalloc byte[4];
        RandomNumberGenerator.Fill(bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
