using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>
/// Passes HTTP on to a gateway. Once told to, it has the gateway close the next tube that is sent candidates, before it passes them on, and lets nobody read
/// that tube's signals until they are answered: as when the tube's node stops and takes its streams along. Or it spoils the gateway's candidates.
/// </summary>
internal sealed class MeddlingProxy : IAsyncDisposable
{
    private readonly WebApplication application;
    private readonly RealGateway gateway;
    private readonly TaskCompletionSource answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? kept;
    private string? closed;

    private MeddlingProxy(RealGateway gateway)
    {
        this.gateway = gateway;
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        application = builder.Build();
        application.Run(PassOnAsync);
    }

    public Uri Url => new(application.Urls.Single());

    /// <summary>Ends when the candidates of the tube that was closed are answered.</summary>
    public Task Answered => answered.Task;

    public static async Task<MeddlingProxy> StartAsync(RealGateway gateway, bool spoilsCandidates = false)
    {
        var proxy = new MeddlingProxy(gateway) { SpoilsCandidates = spoilsCandidates };
        await proxy.application.StartAsync();
        return proxy;
    }

    /// <summary>Whether the candidates among the signals are none.</summary>
    public bool SpoilsCandidates { get; init; }

    /// <summary>Has the next tube closed that is not this one.</summary>
    public void CloseNextAfter(string tubeId) => kept = tubeId;

    public async ValueTask DisposeAsync() => await application.DisposeAsync();

    private async Task PassOnAsync(HttpContext context)
    {
        var isClosing = false;
        if (context.Request.Path.Value!.Split('/') is [_, "v1", "tubes", var tube, var what] && kept is not null && tube != kept)
        {
            if (what == "candidates" && Interlocked.CompareExchange(ref closed, tube, null) is null)
            {
                isClosing = true;
                await gateway.CloseTubeAsync(tube);
            }
            else if (what == "signals")
            {
                await answered.Task.WaitAsync(context.RequestAborted);
            }
        }

        using var request = new HttpRequestMessage(new(context.Request.Method), context.Request.Path + context.Request.QueryString);
        if (context.Request.ContentLength > 0 || context.Request.Headers.TransferEncoding.Count > 0)
        {
            request.Content = new StreamContent(context.Request.Body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", context.Request.ContentType);
        }

        using var response = await gateway.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        context.Response.StatusCode = (int)response.StatusCode;
        context.Response.ContentType = response.Content.Headers.ContentType?.ToString();
        await context.Response.StartAsync(context.RequestAborted);
        if (SpoilsCandidates && context.Request.Path.Value!.EndsWith("/signals", StringComparison.Ordinal))
            await SpoilAsync(await response.Content.ReadAsStreamAsync(context.RequestAborted), context.Response.Body, context.RequestAborted);
        else
            await response.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
        if (isClosing)
        {
            await context.Response.CompleteAsync();
            answered.TrySetResult();
        }
    }

    private static async Task SpoilAsync(Stream from, Stream to, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(from);
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            await to.WriteAsync(Encoding.UTF8.GetBytes($"{line.Replace("\"candidate\":\"candidate:", "\"candidate\":\"nonsense:", StringComparison.Ordinal)}\n"), cancellationToken);
            await to.FlushAsync(cancellationToken);
        }
    }
}
