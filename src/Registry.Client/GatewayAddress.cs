namespace Registry.Client;

/// <summary>Where a gateway is and what a client shows it.</summary>
/// <param name="Url">Base address of its HTTP interface.</param>
/// <param name="Key">The API key, JSON web token or token of a tube; null for a gateway that asks for none.</param>
public sealed record GatewayAddress(Uri Url, string? Key = null)
{
    /// <summary>Reads the key again, when a gateway does not take the one that it was shown: another one is shown then. Null for a key that is never replaced.</summary>
    public Func<string?>? ReadKeyAgain { get; init; }

    /// <summary>The address alone: a key is not for logs.</summary>
    public override string ToString() => Url.ToString();
}
