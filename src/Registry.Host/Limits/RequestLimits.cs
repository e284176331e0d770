using Akka.Configuration;
using Registry.Actors;
using Registry.Host.Security;

namespace Registry.Host.Limits;

/// <summary>The section <c>registry.http.limits</c>, checked: what one caller may take of the HTTP interface.</summary>
internal sealed record RequestLimits
{
    private const int Most = 1_000_000;

    private RequestLimits() { }

    /// <summary>Requests a caller may send per second, for as long as it likes; null for no limit.</summary>
    public int? RequestsPerSecond { get; private init; }

    /// <summary>Requests it may send at once after a pause; at least <see cref="RequestsPerSecond"/>.</summary>
    public int Burst { get; private init; }

    /// <summary>Event streams it may have open at a time; null for no limit.</summary>
    public int? Streams { get; private init; }

    /// <summary>Connections that are open at a time, of all callers together; null for no limit.</summary>
    public int? Connections { get; private init; }

    /// <summary>How many of them one address may have; null for no limit.</summary>
    public int? ConnectionsPerAddress { get; private init; }

    /// <summary>Reads the section, with the defaults behind it.</summary>
    /// <exception cref="ConfigurationException">A value is of no use; the message names its key.</exception>
    public static RequestLimits From(Config config)
    {
        var reader = new SettingReader(config.WithFallback(SecuritySettings.Default));
        var limits = new RequestLimits
        {
            RequestsPerSecond = reader.IntegerOrOff("http.limits.requests-per-second", 1, Most),
            Burst = reader.Integer("http.limits.burst", 1, Most),
            Streams = reader.IntegerOrOff("http.limits.streams", 1, Most),
            Connections = reader.IntegerOrOff("http.limits.connections", 1, Most),
        };
        limits = limits with { ConnectionsPerAddress = ReadPerAddress(reader, limits.Connections) };
        if (limits.RequestsPerSecond is { } rate && limits.Burst < rate)
            throw SettingReader.Wrong("registry.http.limits.burst", $"requests-per-second at least, which is {rate}", null);
        return limits;
    }

    private static int? ReadPerAddress(SettingReader reader, int? connections)
    {
        const string Key = "http.limits.connections-per-address";
        if (reader.TextOrOff(Key) is not { } text)
            return null;
        if (text == "half")
            return (connections + 1) / 2;
        return SettingReader.ParseInteger(text, 1, Most) ?? throw SettingReader.Wrong($"registry.{Key}", $"off, half, or a whole number from 1 to {Most}", null);
    }
}
