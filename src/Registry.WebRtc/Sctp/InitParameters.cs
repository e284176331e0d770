using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <summary>What INIT and INIT ACK say about their sender (RFC 9260 §3.3.2).</summary>
internal readonly record struct InitParameters
{
    public const int FixedLength = 16;
    /// <summary>RFC 3758 §3.1.</summary>
    private const ushort ForwardTsnSupported = 0xC000;
    /// <summary>RFC 5061 §4.2.7.</summary>
    private const ushort SupportedExtensions = 0x8008;
    /// <summary>RFC 9653 §4.</summary>
    private const ushort ZeroChecksumAcceptable = 0x8001;
    /// <summary>The error detection method "SCTP over DTLS" (RFC 9653 §4).</summary>
    private const uint DetectionByDtls = 1;
    /// <summary>
    /// Private: the largest packet this side takes. One that does not know it skips it in silence, as the two highest bits ask. Other stacks
    /// read datagrams into buffers of 1.5 to 4 KiB, some end the DTLS connection when one is cut short, and some fail on a PAD chunk.
    /// </summary>
    private const ushort LargestPacketTaken = 0x9F70;
    private const ushort StateCookieParameter = 7;
    private const ushort UnrecognizedParameter = 8;
    private const int MaxReported = 256;
    /// <summary>Where the list of extensions names what interleaving needs; without it another one is named again.</summary>
    private const int InterleavingOffset = 10;
    private const int LargestPacketOffset = 16;
    private static readonly byte[] extensions =
    [
        ForwardTsnSupported >> 8, ForwardTsnSupported & 0xFF, 0, 4,
        SupportedExtensions >> 8, SupportedExtensions & 0xFF, 0, 8,
        (byte)SctpChunkType.Reconfig, (byte)SctpChunkType.ForwardTsn, (byte)SctpChunkType.InterleavedData, (byte)SctpChunkType.InterleavedForwardTsn,
        LargestPacketTaken >> 8, LargestPacketTaken & 0xFF, 0, 8, 0, 0, 0, 0,
        ZeroChecksumAcceptable >> 8, ZeroChecksumAcceptable & 0xFF, 0, 8, 0, 0, 0, (byte)DetectionByDtls,
    ];

    public uint InitiateTag { get; init; }
    public uint ReceiveWindow { get; init; }
    public ushort OutboundStreams { get; init; }
    public ushort InboundStreams { get; init; }
    public uint InitialTsn { get; init; }
    public bool SupportsForwardTsn { get; init; }
    public bool SupportsReconfig { get; init; }
    /// <summary>Bytes of the largest packet it takes; 0 when it does not say.</summary>
    public uint LargestPacket { get; init; }
    /// <summary>Whether messages may be interleaved (RFC 8260).</summary>
    public bool SupportsInterleaving { get; init; }
    /// <summary>Whether packets need no checksum, as DTLS protects them.</summary>
    public bool AcceptsZeroChecksum { get; init; }

    /// <summary>Reads the value of an INIT or INIT ACK chunk.</summary>
    /// <param name="value">The chunk without its header.</param>
    /// <param name="init">What was read.</param>
    /// <param name="cookie">The state cookie; empty when there is none.</param>
    /// <param name="unrecognized">Unrecognized Parameter items to send back, or null.</param>
    public static bool TryParse(ReadOnlySpan<byte> value, out InitParameters init, out ReadOnlySpan<byte> cookie, out byte[]? unrecognized)
    {
        init = default;
        cookie = default;
        unrecognized = null;
        if (value.Length < FixedLength)
            return false;
        var features = default(InitParameters);
        var reader = new TlvReader(value[FixedLength..]);
        while (reader.TryRead())
        {
            switch (reader.Tag)
            {
                case ForwardTsnSupported:
                    features = features with { SupportsForwardTsn = true };
                    break;
                case SupportedExtensions:
                    features = features with
                    {
                        SupportsForwardTsn = features.SupportsForwardTsn || reader.Value.Contains((byte)SctpChunkType.ForwardTsn),
                        SupportsReconfig = reader.Value.Contains((byte)SctpChunkType.Reconfig),
                        SupportsInterleaving = reader.Value.Contains((byte)SctpChunkType.InterleavedData)
                            && reader.Value.Contains((byte)SctpChunkType.InterleavedForwardTsn),
                    };
                    break;
                case LargestPacketTaken when reader.Value.Length == 4:
                    features = features with { LargestPacket = BinaryPrimitives.ReadUInt32BigEndian(reader.Value) };
                    break;
                case ZeroChecksumAcceptable:
                    features = features with { AcceptsZeroChecksum = reader.Value.Length == 4 && BinaryPrimitives.ReadUInt32BigEndian(reader.Value) == DetectionByDtls };
                    break;
                case StateCookieParameter:
                    cookie = reader.Value;
                    break;
                case UnrecognizedParameter or < StateCookieParameter or 9 or 11 or 12 or 0x8000:
                    break; // addresses, cookie preservative, ECN: known, and of no use over DTLS
                default:
                    if ((reader.Tag & 0x4000) != 0)
                        unrecognized = Report(unrecognized, reader.Item);
                    if ((reader.Tag & 0x8000) == 0)
                        return Finish(value, in features, out init);
                    break;
            }
        }
        return Finish(value, in features, out init);
    }

    /// <summary>Bytes that <see cref="Write"/> needs.</summary>
    public static int Length(int cookieLength, byte[]? unrecognized) =>
        FixedLength + extensions.Length + (unrecognized?.Length ?? 0) + (cookieLength == 0 ? 0 : TlvReader.HeaderLength + cookieLength);

    /// <summary>Writes the value of an INIT (no cookie) or INIT ACK chunk; the cookie's length is a multiple of four.</summary>
    public void Write(Span<byte> value, ReadOnlySpan<byte> cookie, byte[]? unrecognized)
    {
        BinaryPrimitives.WriteUInt32BigEndian(value, InitiateTag);
        BinaryPrimitives.WriteUInt32BigEndian(value[4..], ReceiveWindow);
        BinaryPrimitives.WriteUInt16BigEndian(value[8..], OutboundStreams);
        BinaryPrimitives.WriteUInt16BigEndian(value[10..], InboundStreams);
        BinaryPrimitives.WriteUInt32BigEndian(value[12..], InitialTsn);
        var rest = value[FixedLength..];
        if (cookie.Length > 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(rest, StateCookieParameter);
            BinaryPrimitives.WriteUInt16BigEndian(rest[2..], (ushort)(TlvReader.HeaderLength + cookie.Length));
            cookie.CopyTo(rest[TlvReader.HeaderLength..]);
            rest = rest[(TlvReader.HeaderLength + cookie.Length)..];
        }
        extensions.CopyTo(rest);
        BinaryPrimitives.WriteUInt32BigEndian(rest[LargestPacketOffset..], LargestPacket);
        if (!SupportsInterleaving)
            rest.Slice(InterleavingOffset, 2).Fill((byte)SctpChunkType.Reconfig);
        unrecognized?.CopyTo(rest[extensions.Length..]);
    }

    private static bool Finish(ReadOnlySpan<byte> value, in InitParameters features, out InitParameters init)
    {
        init = features with
        {
            InitiateTag = BinaryPrimitives.ReadUInt32BigEndian(value),
            ReceiveWindow = BinaryPrimitives.ReadUInt32BigEndian(value[4..]),
            OutboundStreams = BinaryPrimitives.ReadUInt16BigEndian(value[8..]),
            InboundStreams = BinaryPrimitives.ReadUInt16BigEndian(value[10..]),
            InitialTsn = BinaryPrimitives.ReadUInt32BigEndian(value[12..]),
        };
        // A tag of 0 or no stream in a direction makes the chunk invalid (RFC 9260 §3.3.2).
        return init is { InitiateTag: not 0, OutboundStreams: not 0, InboundStreams: not 0 };
    }

    private static byte[]? Report(byte[]? reported, ReadOnlySpan<byte> item)
    {
        var padded = (TlvReader.HeaderLength + item.Length + 3) & ~3;
        var used = reported?.Length ?? 0;
        if (used + padded > MaxReported)
            return reported;
        var grown = new byte[used + padded];
        reported?.CopyTo(grown, 0);
        BinaryPrimitives.WriteUInt16BigEndian(grown.AsSpan(used), UnrecognizedParameter);
        BinaryPrimitives.WriteUInt16BigEndian(grown.AsSpan(used + 2), (ushort)(TlvReader.HeaderLength + item.Length));
        item.CopyTo(grown.AsSpan(used + TlvReader.HeaderLength));
        return grown;
    }
}
