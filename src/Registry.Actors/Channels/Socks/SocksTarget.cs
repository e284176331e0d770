using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Registry.Actors.Channels.Socks;

/// <summary>The target that an OpenConnection may name: host length (u32), host (ASCII), port (u16), big-endian, as the original writes it.</summary>
/// <param name="Host">Host name or IP address.</param>
/// <param name="Port">TCP port, 1 to 65535.</param>
internal readonly record struct SocksTarget(string Host, int Port)
{
    // The longest name that DNS can carry (RFC 1035 §2.3.4).
    private const int MaxHost = 253;

    /// <summary>No target but a UDP association, each of whose datagrams names one: an empty host and port 0, which no version takes for a target.</summary>
    public static SocksTarget Association { get; } = new("", 0);

    /// <summary>Whether it stands for a UDP association.</summary>
    public bool IsAssociation => Port == 0;

    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    /// <summary>The bytes of an OpenConnection behind the connection number.</summary>
    public byte[] Encode()
    {
        var bytes = new byte[4 + Host.Length + 2];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)Host.Length);
        Encoding.ASCII.GetBytes(Host, bytes.AsSpan(4));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(4 + Host.Length), (ushort)Port);
        return bytes;
    }

    /// <summary>Reads what a peer named.</summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? Read(ReadOnlySpan<byte> bytes, out SocksTarget target)
    {
        target = Association;
        if (bytes.SequenceEqual(Association.Encode()))
            return null;
        target = default;
        if (bytes.Length < 4 || BinaryPrimitives.ReadUInt32BigEndian(bytes) is var length && (length > MaxHost || bytes.Length != 4 + length + 2))
            return $"An open's target of {bytes.Length} bytes is not a length, a host of at most {MaxHost} bytes and a port.";
        return Check(bytes.Slice(4, (int)length), BinaryPrimitives.ReadUInt16BigEndian(bytes[^2..]), out target);
    }

    /// <summary>Makes a target of what a client or peer sent.</summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? Check(ReadOnlySpan<byte> host, int port, out SocksTarget target)
    {
        target = default;
        if (host.Length is 0 or > MaxHost || !Ascii.IsValid(host))
            return "The target's host is empty, too long or not ASCII.";
        var text = Encoding.ASCII.GetString(host);
        if (text.Contains('%', StringComparison.Ordinal) || Uri.CheckHostName(text) is not (UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6))
            return "The target's host is not a host name or an IP address without a zone.";
        if (port is < 1 or > IPEndPoint.MaxPort)
            return "The target's port is 0.";
        target = new(text, port);
        return null;
    }
}
