using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Registry.WebRtc.Sctp;

/// <summary>The state cookie (RFC 9260 §5.1.3): what the peer's INIT said, sealed with a secret of this association.</summary>
internal sealed class StateCookie
{
    public const int Length = ContentLength + HMACSHA256.HashSizeInBytes;
    private const int ContentLength = 36;
    private const byte ForwardTsnFlag = 1;
    private const byte ReconfigFlag = 2;
    private const byte ZeroChecksumFlag = 4;
    private const byte InterleavingFlag = 8;
    private readonly byte[] secret = new byte[32];

    public StateCookie(Func<uint> nextRandom)
    {
        for (var i = 0; i < secret.Length; i += 4)
            BinaryPrimitives.WriteUInt32LittleEndian(secret.AsSpan(i), nextRandom());
    }

    public void Seal(Span<byte> cookie, long now, uint localTag, in InitParameters peer)
    {
        BinaryPrimitives.WriteInt64BigEndian(cookie, now);
        BinaryPrimitives.WriteUInt32BigEndian(cookie[8..], localTag);
        BinaryPrimitives.WriteUInt32BigEndian(cookie[12..], peer.InitiateTag);
        BinaryPrimitives.WriteUInt32BigEndian(cookie[16..], peer.InitialTsn);
        BinaryPrimitives.WriteUInt32BigEndian(cookie[20..], peer.ReceiveWindow);
        BinaryPrimitives.WriteUInt16BigEndian(cookie[24..], peer.OutboundStreams);
        BinaryPrimitives.WriteUInt16BigEndian(cookie[26..], peer.InboundStreams);
        var flags = (peer.SupportsForwardTsn ? ForwardTsnFlag : 0u) | (peer.SupportsReconfig ? ReconfigFlag : 0u) | (peer.AcceptsZeroChecksum ? ZeroChecksumFlag : 0u)
            | (peer.SupportsInterleaving ? InterleavingFlag : 0u);
        BinaryPrimitives.WriteUInt32BigEndian(cookie[28..], flags);
        BinaryPrimitives.WriteUInt32BigEndian(cookie[32..], peer.LargestPacket);
        HMACSHA256.HashData(secret, cookie[..ContentLength], cookie[ContentLength..]);
    }

    /// <summary>Reads a cookie; false when this association did not make it.</summary>
    public bool TryOpen(ReadOnlySpan<byte> cookie, out long created, out uint localTag, out InitParameters peer)
    {
        created = 0;
        localTag = 0;
        peer = default;
        if (cookie.Length != Length)
            return false;
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(secret, cookie[..ContentLength], expected);
        if (!CryptographicOperations.FixedTimeEquals(expected, cookie[ContentLength..]))
            return false;
        created = BinaryPrimitives.ReadInt64BigEndian(cookie);
        localTag = BinaryPrimitives.ReadUInt32BigEndian(cookie[8..]);
        var flags = BinaryPrimitives.ReadUInt32BigEndian(cookie[28..]);
        peer = new InitParameters
        {
            InitiateTag = BinaryPrimitives.ReadUInt32BigEndian(cookie[12..]),
            InitialTsn = BinaryPrimitives.ReadUInt32BigEndian(cookie[16..]),
            ReceiveWindow = BinaryPrimitives.ReadUInt32BigEndian(cookie[20..]),
            OutboundStreams = BinaryPrimitives.ReadUInt16BigEndian(cookie[24..]),
            InboundStreams = BinaryPrimitives.ReadUInt16BigEndian(cookie[26..]),
            LargestPacket = BinaryPrimitives.ReadUInt32BigEndian(cookie[32..]),
            SupportsForwardTsn = (flags & ForwardTsnFlag) != 0,
            SupportsReconfig = (flags & ReconfigFlag) != 0,
            AcceptsZeroChecksum = (flags & ZeroChecksumFlag) != 0,
            SupportsInterleaving = (flags & InterleavingFlag) != 0,
        };
        return true;
    }
}
