using System.Net;

namespace Registry.WebRtc;

/// <summary>
/// Which of the machine's addresses become host candidates, by interface or network. It hides addresses from the peer; the socket stays
/// bound where <see cref="PeerConnectionFactoryOptions.BindAddress"/> says.
/// </summary>
public sealed class NetworkFilter
{
    private readonly Rule[] include;
    private readonly Rule[] exclude;

    /// <summary>Takes every address but those of loopback and link-local ones.</summary>
    public static readonly NetworkFilter None = new([], []);

    /// <param name="include">Interface names such as <c>eth0</c>, a prefix with a star such as <c>docker*</c>, IP addresses or CIDR networks; empty for all. Loopback is taken only when it is named.</param>
    /// <param name="exclude">The same, taken away from those.</param>
    /// <exception cref="FormatException">A text is empty or a wrong network; the message names it.</exception>
    public NetworkFilter(IEnumerable<string> include, IEnumerable<string> exclude)
    {
        this.include = [.. include.Select(Rule.Parse)];
        this.exclude = [.. exclude.Select(Rule.Parse)];
    }

    /// <summary>Whether the filter changes nothing.</summary>
    public bool IsEmpty => include.Length == 0 && exclude.Length == 0;

    /// <summary>Whether only what is named is taken, which may be an interface of loopback.</summary>
    internal bool TakesOnlyNamed => include.Length > 0;

    /// <summary>Whether the address of an interface becomes a candidate.</summary>
    public bool Allows(string interfaceName, IPAddress address)
    {
        var isNamed = Array.Exists(include, rule => rule.Covers(interfaceName, address));
        return (isNamed || (include.Length == 0 && !IPAddress.IsLoopback(address))) && !Array.Exists(exclude, rule => rule.Covers(interfaceName, address));
    }

    private readonly record struct Rule(string Name, IPNetwork? Network)
    {
        public static Rule Parse(string text)
        {
            ArgumentNullException.ThrowIfNull(text);
            if (IPAddress.TryParse(text, out var address))
                return new(text, new IPNetwork(address, address.GetAddressBytes().Length * 8));
            if (CidrNetwork.TryParse(text, out var network))
                return new(text, network);
            if (CidrNetwork.HostBits(text) is { } hostBits)
                throw new FormatException($"'{text}' {hostBits}.");
            if (text.Length == 0 || text.Contains('/', StringComparison.Ordinal))
                throw new FormatException($"'{text}' is neither the name of an interface nor a network such as 10.0.0.0/8.");
            return new(text, null);
        }

        public bool Covers(string interfaceName, IPAddress address) => Network is { } network
            ? network.Contains(address)
            : Name.EndsWith('*') ? interfaceName.StartsWith(Name[..^1], StringComparison.Ordinal) : interfaceName == Name;
    }
}
