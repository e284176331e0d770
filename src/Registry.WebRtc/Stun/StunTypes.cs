using System.Buffers.Binary;

namespace Registry.WebRtc.Stun;

/// <summary>The two class bits of a STUN message type (RFC 8489 §5).</summary>
internal enum StunClass
{
    Request = 0b00,
    Indication = 0b01,
    SuccessResponse = 0b10,
    ErrorResponse = 0b11,
}

/// <summary>STUN methods (RFC 8489 §18.2) and those of TURN (RFC 8656 §17).</summary>
internal enum StunMethod : ushort
{
    Binding = 0x001,
    Allocate = 0x003,
    Refresh = 0x004,
    Send = 0x006,
    Data = 0x007,
    CreatePermission = 0x008,
    ChannelBind = 0x009,
}

/// <summary>STUN attribute types (RFC 8489 §18.3, RFC 8445 §16.1, RFC 8656 §18). Those below 0x8000 must be understood by the receiver.</summary>
internal enum StunAttributeType : ushort
{
    MappedAddress = 0x0001,
    Username = 0x0006,
    MessageIntegrity = 0x0008,
    ErrorCode = 0x0009,
    UnknownAttributes = 0x000A,
    ChannelNumber = 0x000C,
    Lifetime = 0x000D,
    XorPeerAddress = 0x0012,
    Data = 0x0013,
    Realm = 0x0014,
    Nonce = 0x0015,
    XorRelayedAddress = 0x0016,
    RequestedTransport = 0x0019,
    XorMappedAddress = 0x0020,
    Priority = 0x0024,
    UseCandidate = 0x0025,
    Software = 0x8022,
    AlternateServer = 0x8023,
    Fingerprint = 0x8028,
    IceControlled = 0x8029,
    IceControlling = 0x802A,
}

/// <summary>Error codes of the ERROR-CODE attribute that ICE and TURN use (RFC 8489 §14.8, RFC 8445 §7.3.1.1, RFC 8656 §19).</summary>
internal enum StunErrorCode
{
    None = 0,
    TryAlternate = 300,
    BadRequest = 400,
    Unauthenticated = 401,
    Forbidden = 403,
    UnknownAttribute = 420,
    AllocationMismatch = 437,
    StaleNonce = 438,
    AddressFamilyNotSupported = 440,
    WrongCredentials = 441,
    UnsupportedTransportProtocol = 442,
    AllocationQuotaReached = 486,
    RoleConflict = 487,
    InsufficientCapacity = 508,
}

/// <summary>The 96 random bits that tie a response to its request (RFC 8489 §5).</summary>
internal readonly record struct StunTransactionId(uint High, ulong Low)
{
    public const int Length = 12;

    public static StunTransactionId Read(ReadOnlySpan<byte> source) =>
        new(BinaryPrimitives.ReadUInt32BigEndian(source), BinaryPrimitives.ReadUInt64BigEndian(source[4..]));

    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, High);
        BinaryPrimitives.WriteUInt64BigEndian(destination[4..], Low);
    }
}

/// <summary>Numbers of the STUN wire format shared by reader and writer.</summary>
internal static class StunFormat
{
    public const uint MagicCookie = 0x2112A442;
    public const int HeaderLength = 20;
    public const int AttributeHeaderLength = 4;
    public const int IntegrityLength = 20;
    public const uint FingerprintMask = 0x5354554E;

    /// <summary>Longest message taken or made: what an Ethernet frame carries (RFC 8489 §6.1).</summary>
    public const int MaximumLength = 1500;

    public const byte FamilyIPv4 = 1;
    public const byte FamilyIPv6 = 2;

    /// <summary>Length of a value with its padding to a multiple of four (RFC 8489 §14).</summary>
    public static int Padded(int length) => (length + 3) & ~3;
}

/// <summary>Fills a span with random bytes; in production from a cryptographic source (RFC 8489 §5).</summary>
internal delegate void RandomFill(Span<byte> bytes);
