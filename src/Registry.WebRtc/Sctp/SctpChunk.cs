using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <summary>Chunk types (RFC 9260 §3.2, RFC 6525 §3, RFC 3758 §3.2, RFC 4820 §3).</summary>
internal enum SctpChunkType : byte
{
    Data = 0,
    Init = 1,
    InitAck = 2,
    Sack = 3,
    Heartbeat = 4,
    HeartbeatAck = 5,
    Abort = 6,
    Shutdown = 7,
    ShutdownAck = 8,
    Error = 9,
    CookieEcho = 10,
    CookieAck = 11,
    ShutdownComplete = 14,
    /// <summary>RFC 8260 §2.1.</summary>
    InterleavedData = 64,
    Reconfig = 130,
    /// <summary>RFC 4820.</summary>
    Pad = 132,
    ForwardTsn = 192,
    /// <summary>RFC 8260 §2.3.1.</summary>
    InterleavedForwardTsn = 194,
}

/// <summary>Error causes (RFC 9260 §3.3.10).</summary>
internal enum SctpErrorCause : ushort
{
    None = 0,
    InvalidStreamIdentifier = 1,
    MissingMandatoryParameter = 2,
    StaleCookie = 3,
    OutOfResource = 4,
    UnresolvableAddress = 5,
    UnrecognizedChunkType = 6,
    InvalidMandatoryParameter = 7,
    UnrecognizedParameters = 8,
    NoUserData = 9,
    CookieReceivedWhileShuttingDown = 10,
    RestartWithNewAddresses = 11,
    UserInitiatedAbort = 12,
    ProtocolViolation = 13,
}

/// <summary>Walks the type-length-value items of a packet (chunks) or of a chunk (parameters, causes); stops at the first malformed one.</summary>
internal ref struct TlvReader(ReadOnlySpan<byte> data)
{
    public const int HeaderLength = 4;
    private ReadOnlySpan<byte> rest = data;

    /// <summary>The 16 bits before the length: chunk type and flags, or parameter type.</summary>
    public ushort Tag { get; private set; }

    /// <summary>The value without header and padding.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>The whole item with its header, without padding.</summary>
    public ReadOnlySpan<byte> Item { get; private set; }

    public readonly SctpChunkType ChunkType => (SctpChunkType)(Tag >> 8);

    public readonly byte ChunkFlags => (byte)Tag;

    public bool TryRead()
    {
        if (rest.Length < HeaderLength)
            return false;
        var length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
        if (length < HeaderLength || length > rest.Length)
            return false;
        Tag = BinaryPrimitives.ReadUInt16BigEndian(rest);
        Item = rest[..length];
        Value = rest[HeaderLength..length];
        rest = rest[Math.Min((length + 3) & ~3, rest.Length)..];
        return true;
    }
}

/// <summary>A DATA chunk (RFC 9260 §3.3.1) or an I-DATA chunk (RFC 8260 §2.1).</summary>
internal readonly ref struct DataChunk
{
    public const int HeaderLength = 16;
    public const int InterleavedHeaderLength = 20;
    public const byte EndFlag = 1;
    public const byte BeginFlag = 2;
    public const byte UnorderedFlag = 4;
    public const byte ImmediateFlag = 8;

    private DataChunk(byte flags, ReadOnlySpan<byte> value, bool interleaved)
    {
        Flags = flags;
        Tsn = BinaryPrimitives.ReadUInt32BigEndian(value);
        StreamId = BinaryPrimitives.ReadUInt16BigEndian(value[4..]);
        if (interleaved)
        {
            Sequence = BinaryPrimitives.ReadUInt32BigEndian(value[8..]);
            // The first fragment names the protocol in the place where the others have their number.
            var number = BinaryPrimitives.ReadUInt32BigEndian(value[12..]);
            (Ppid, Fragment) = Begins ? (number, 0u) : (0u, number);
            Payload = value[16..];
            return;
        }
        Sequence = BinaryPrimitives.ReadUInt16BigEndian(value[6..]);
        Ppid = BinaryPrimitives.ReadUInt32BigEndian(value[8..]);
        Payload = value[12..];
    }

    public byte Flags { get; }
    public uint Tsn { get; }
    public ushort StreamId { get; }
    /// <summary>Stream sequence number, or message identifier of I-DATA.</summary>
    public uint Sequence { get; }
    public ushort Ssn => (ushort)Sequence;
    /// <summary>Number of the fragment in its message, of I-DATA.</summary>
    public uint Fragment { get; }
    public uint Ppid { get; }
    public ReadOnlySpan<byte> Payload { get; }
    public bool Begins => (Flags & BeginFlag) != 0;
    public bool Ends => (Flags & EndFlag) != 0;
    public bool Unordered => (Flags & UnorderedFlag) != 0;
    public bool Immediate => (Flags & ImmediateFlag) != 0;

    public static bool TryParse(byte flags, ReadOnlySpan<byte> value, bool interleaved, out DataChunk chunk)
    {
        if (value.Length < (interleaved ? InterleavedHeaderLength : HeaderLength) - TlvReader.HeaderLength)
        {
            chunk = default;
            return false;
        }
        chunk = new DataChunk(flags, value, interleaved);
        return true;
    }
}
