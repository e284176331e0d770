using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Registry.Client;

/// <summary>Sends requests, reads answers, and says in exceptions what kept a call from being answered.</summary>
internal sealed class GatewayConnection : IDisposable
{
    // A create answers within the gateway's own deadline of 15 s; a little more lets its error arrive.
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(20);

    private const int LongestGreeting = 60;

    private readonly HttpClient http;

    private readonly Func<string?>? readKeyAgain;

    private volatile string? key;
    private volatile string? distrust; // of the certificate that was shown last

    public GatewayConnection(GatewayAddress address, HttpMessageHandler? handler)
    {
        (var url, key) = address;
        readKeyAgain = address.ReadKeyAgain;
        Gateway = url.AbsolutePath.EndsWith('/') ? url : new(url.GetLeftPart(UriPartial.Path) + "/");
        // A proxy of the environment is for other machines.
        http = new(handler ?? new SocketsHttpHandler { UseProxy = !url.IsLoopback, ConnectTimeout = TimeSpan.FromSeconds(5), SslOptions = { RemoteCertificateValidationCallback = IsTrusted } })
        {
            BaseAddress = Gateway,
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public Uri Gateway { get; }

    public void Dispose() => http.Dispose();

    /// <param name="method">The method.</param>
    /// <param name="path">The path with its query.</param>
    /// <param name="body">Sent as JSON; null for none.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="patience">How much longer than usual the gateway was told it may take.</param>
    public async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken cancellationToken, TimeSpan patience = default)
    {
        using var response = await SendAsync(method, path, body, patience, cancellationToken).ConfigureAwait(false);
        try
        {
            return await response.Content.ReadFromJsonAsync<T>(GatewayJson.Options, cancellationToken).ConfigureAwait(false) ?? throw NotAGateway();
        }
        catch (JsonException)
        {
            throw NotAGateway();
        }
    }

    public async Task<string> ReadTextAsync(string path, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Get, path, null, TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
        return await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task SendAsync(HttpMethod method, string path, object? body, CancellationToken cancellationToken) =>
        (await SendAsync(method, path, body, TimeSpan.Zero, cancellationToken).ConfigureAwait(false)).Dispose();

    /// <summary>Opens a stream of events behind a position.</summary>
    public Task<HttpResponseMessage> OpenAsync(string path, string? position, CancellationToken cancellationToken)
    {
        HttpRequestMessage Make()
        {
            var request = new HttpRequestMessage(HttpMethod.Get, path);
            if (position is not null)
                request.Headers.Add("Last-Event-ID", position);
            return request;
        }

        return SendAsync(Make, HttpCompletionOption.ResponseHeadersRead, RequestTimeout, cancellationToken);
    }

    /// <summary>Reads what an event carries.</summary>
    public T Parse<T>(string json) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, GatewayJson.Options) ?? throw NotAGateway();
        }
        catch (JsonException)
        {
            throw NotAGateway();
        }
    }

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body, TimeSpan patience, CancellationToken cancellationToken) => SendAsync(
        () => new(method, path) { Content = body is null ? null : JsonContent.Create(body, body.GetType(), options: GatewayJson.Options) },
        HttpCompletionOption.ResponseContentRead, RequestTimeout + patience, cancellationToken);

    private async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, HttpCompletionOption completion, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        try
        {
            var shown = key;
            var response = await SendAsync(make, shown, completion, limit.Token).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.Unauthorized && HasOtherKey(shown))
            {
                response.Dispose();
                response = await SendAsync(make, key, completion, limit.Token).ConfigureAwait(false);
            }

            if (response.IsSuccessStatusCode)
                return response;
            using (response)
                throw await ReadRefusalAsync(response, limit.Token).ConfigureAwait(false);
        }
        catch (HttpRequestException e)
        {
            throw Failed(e.InnerException?.Message ?? e.Message, e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw Unreachable($"no answer within {patience.TotalSeconds} s", e);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, string? show, HttpCompletionOption completion, CancellationToken cancellationToken)
    {
        using var request = make();
        request.Headers.Authorization = show is null ? null : new("Bearer", show);
        return await http.SendAsync(request, completion, cancellationToken).ConfigureAwait(false);
    }

    private bool HasOtherKey(string? shown)
    {
        if (readKeyAgain?.Invoke() is { } read)
            key = read;
        return key != shown;
    }

    private async Task<GatewayException> ReadRefusalAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentType?.MediaType != ProblemBody.ContentType)
            return NotAGateway($" (HTTP {(int)response.StatusCode})");
        try
        {
            var problem = await response.Content.ReadFromJsonAsync<ProblemBody>(GatewayJson.Options, cancellationToken).ConfigureAwait(false);
            return problem is null ? NotAGateway() : new GatewayRefusedException(Gateway, problem);
        }
        catch (JsonException)
        {
            return NotAGateway();
        }
    }

    private GatewayUnreachableException Failed(string why, HttpRequestException cause) => cause switch
    {
        { InnerException: AuthenticationException { InnerException: null } } when why.Contains("certificate", StringComparison.Ordinal) =>
            new(Gateway, $"Something answers at {Gateway}, but its certificate is not trusted: {distrust ?? $"{why[(why.LastIndexOf(": ", StringComparison.Ordinal) + 1)..].Trim()}."}", cause) { IsAnswered = true },
        { HttpRequestError: HttpRequestError.SecureConnectionError } =>
            new(Gateway, $"What answers at {Gateway} makes no TLS connection: {why.TrimEnd('.')}. Either it speaks http (http://{Gateway.Authority}/), or it is no gateway: check the address.", cause) { IsAnswered = true },
        { HttpRequestError: HttpRequestError.InvalidResponse } =>
            new(Gateway, $"What answers at {Gateway} {NoHttp(why)}. Check the address.", cause) { IsAnswered = true },
        { HttpRequestError: HttpRequestError.ResponseEnded } when Gateway.Scheme == Uri.UriSchemeHttp =>
            new(Gateway, $"What answers at {Gateway} ended the connection without an answer. Either it speaks https (https://{Gateway.Authority}/), or it is no gateway: check the address.", cause) { IsAnswered = true },
        { InnerException: IOException { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionReset } } } when Gateway.Scheme == Uri.UriSchemeHttp =>
            Unreachable($"the connection was reset. What listens there may speak https (https://{Gateway.Authority}/), or be no gateway", cause),
        _ => Unreachable(why.TrimEnd('.'), cause),
    };

    // The line is quoted, and may be anybody's.
    private static string NoHttp(string why)
    {
        var (begin, end) = (why.IndexOf('\'', StringComparison.Ordinal), why.LastIndexOf('\''));
        if (!why.Contains("status line", StringComparison.Ordinal) || end <= begin)
            return $"gives no valid HTTP answer: {why.TrimEnd('.')}";
        var line = new string([.. why[(begin + 1)..end].Where(sign => sign is >= ' ' and <= '~').Take(LongestGreeting)]);
        return $"is no HTTP server: it says '{line}'{(line.StartsWith("RFB ", StringComparison.Ordinal) ? ", as VNC servers do" : line.StartsWith("SSH-", StringComparison.Ordinal) ? ", as SSH servers do" : "")}";
    }

    private bool IsTrusted(object _, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors != SslPolicyErrors.None)
            distrust = CertificateDistrust.Of(certificate as X509Certificate2, chain, errors, Gateway.Host, DateTimeOffset.UtcNow);
        return errors == SslPolicyErrors.None;
    }

    private GatewayUnreachableException Unreachable(string why, Exception cause) => new(Gateway, $"No gateway answers at {Gateway}: {why}.", cause);

    private GatewayUnreachableException NotAGateway(string detail = "") => new(Gateway, $"What answers at {Gateway} is not a tube gateway{detail}. Check the address.") { IsAnswered = true };
}
