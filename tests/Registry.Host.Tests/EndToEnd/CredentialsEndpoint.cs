using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>An endpoint for relay credentials that answers when it is told to, so that creates stay in flight until then.</summary>
internal sealed class CredentialsEndpoint : IAsyncDisposable
{
    private readonly WebApplication application;
    private readonly TaskCompletionSource<int> status = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private CredentialsEndpoint()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        application = builder.Build();
        application.MapGet("/", AnswerAsync);
    }

    /// <summary>What a gateway's configuration says of it.</summary>
    public string Setting => $"registry.ice {{ credentials-url = \"{application.Urls.Single()}\", credentials-timeout = 10m }}";

    public static async Task<CredentialsEndpoint> StartAsync()
    {
        var endpoint = new CredentialsEndpoint();
        await endpoint.application.StartAsync();
        return endpoint;
    }

    /// <summary>Answers every request, those that wait and those to come.</summary>
    public void Answer(int with = StatusCodes.Status200OK) => status.TrySetResult(with);

    public async ValueTask DisposeAsync()
    {
        Answer();
        await application.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        context.Response.StatusCode = await status.Task.WaitAsync(context.RequestAborted);
        await context.Response.WriteAsJsonAsync(new { username = "u", password = "p", ttl = 60 });
    }
}
