using System.Net;
using Registry.Messages;

namespace Registry.Actors.Channels.Socks;

/// <summary>The reply field of SOCKS5 (RFC 1928 §6).</summary>
internal enum SocksReply : byte
{
    Succeeded = 0,
    GeneralFailure = 1,
    NotAllowed = 2,
    NetworkUnreachable = 3,
    HostUnreachable = 4,
    ConnectionRefused = 5,
    TtlExpired = 6,
    CommandNotSupported = 7,
    AddressTypeNotSupported = 8,
}

/// <summary>How a connection's end is told to a SOCKS client.</summary>
internal static class SocksReplies
{
    /// <summary>A reply without a bound address, which this end does not know: it is the gateway's.</summary>
    public static byte[] Encode(SocksReply reply) => [5, (byte)reply, 0, 1, 0, 0, 0, 0, 0, 0];

    /// <summary>The reply that an association is made, and where its client sends to.</summary>
    public static byte[] Encode(IPEndPoint bound)
    {
        var address = new byte[SocksDatagram.LongestSource];
        var length = SocksDatagram.WriteSource(bound, address);
        return [5, (byte)SocksReply.Succeeded, 0, .. address.AsSpan(0, length)];
    }

    /// <summary>The reply for the reason a connection could not be opened.</summary>
    public static SocksReply For(CloseReason? reason) => reason switch
    {
        CloseReason.ServerRefuse => SocksReply.NotAllowed,
        CloseReason.ConnectionFailed => SocksReply.ConnectionRefused,
        CloseReason.AddressResolutionFailed or CloseReason.Timeout => SocksReply.HostUnreachable,
        _ => SocksReply.GeneralFailure,
    };
}
