using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Registry.Host.Security;

/// <summary>The keys of the issuer of JSON web tokens could not be fetched, and the token is signed with none that is known.</summary>
internal sealed class IssuerUnreachableException()
    : Exception("The keys of the issuer of your token could not be fetched. Nothing is said of the token; try again later. An operator finds the cause in the gateway's log.");

/// <summary>
/// The issuer's public keys, from where its metadata (OpenID Connect Discovery 1.0 §4) says they are. Fetched when the first token comes, when a token names a key that is not
/// known, and once in a while; never more often than each <see cref="Pause"/>, however many tokens come.
/// </summary>
internal sealed class IssuerKeys : IDisposable
{
    /// <summary>The least time between two fetches.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    // So that a key that was withdrawn is not taken for days.
    private static readonly TimeSpan Fresh = TimeSpan.FromHours(1);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private const int MaxDocument = 1 << 20;
    private const int MaxReason = 300;

    private readonly Uri metadata;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly HttpClient http = new() { Timeout = Patience, MaxResponseContentBufferSize = MaxDocument };
    private readonly Lock gate = new();
    private IReadOnlyList<SecurityKey> current = [];
    private Task fetching = Task.CompletedTask;
    private DateTimeOffset? fetched;
    private DateTimeOffset? tried;
    private bool failed;

    /// <param name="metadata">Where the metadata is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Told of each fetch that failed.</param>
    public IssuerKeys(Uri metadata, TimeProvider time, ILogger<IssuerKeys> log) => (this.metadata, this.time, this.log) = (metadata, time, log);

    /// <summary>The keys as they were last fetched.</summary>
    public IReadOnlyList<SecurityKey> Current => Volatile.Read(ref current);

    /// <summary>Waits until the keys are known that a token may be signed with.</summary>
    /// <param name="keyId">The key that the token names; null or empty for none.</param>
    /// <param name="cancellationToken">The caller has gone.</param>
    /// <exception cref="IssuerUnreachableException">The key is not known, and the issuer cannot be asked.</exception>
    public async Task PrepareAsync(string? keyId, CancellationToken cancellationToken)
    {
        if (StartIfNeeded(keyId) is { } fetch)
            await fetch.WaitAsync(cancellationToken);
        lock (gate)
            if (failed && !Knows(keyId))
                throw new IssuerUnreachableException();
    }

    public void Dispose() => http.Dispose();

    // What is to be waited for; null for nothing.
    private Task? StartIfNeeded(string? keyId)
    {
        lock (gate)
        {
            var now = time.GetUtcNow();
            var known = Knows(keyId);
            if (fetching.IsCompleted && (!known || now - fetched >= Fresh) && (tried is null || now - tried >= Pause))
            {
                tried = now;
                fetching = Task.Run(FetchAsync, CancellationToken.None);
            }

            return known ? null : fetching;
        }
    }

    // It may quote what the issuer answered.
    private static string ReasonOf(Exception e) => e.GetBaseException().Message.ReplaceLineEndings(" ") is var text && text.Length > MaxReason ? text[..MaxReason] + "…" : text;

    private bool Knows(string? keyId) => current.Count > 0 && (string.IsNullOrEmpty(keyId) || current.Any(key => key.KeyId == keyId));

    private async Task FetchAsync()
    {
        try
        {
            // Plain http only where nobody is on the way.
            var documents = new HttpDocumentRetriever(http) { RequireHttps = !metadata.IsLoopback };
            var configuration = await OpenIdConnectConfigurationRetriever.GetAsync(metadata.ToString(), documents, CancellationToken.None);
            SecurityKey[] keys = [.. configuration.SigningKeys];
            if (keys.Length == 0)
                throw new InvalidDataException("it names no key for signatures");
            lock (gate)
                (current, fetched, failed) = (keys, time.GetUtcNow(), false);
        }
        catch (Exception e)
        {
            lock (gate)
                failed = true;
            log.LogWarning("registry.auth.jwt.metadata-url: the keys of the token issuer at {Host} cannot be fetched: {Reason}. JSON web tokens that are signed with a key that is not known yet are answered 503 {Code} until they can.",
                metadata.Authority, ReasonOf(e), Api.ProblemCodes.IssuerUnreachable);
        }
    }
}
