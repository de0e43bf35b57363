//! The end of all that an instance has made.

use futures_util::StreamExt;

use crate::{
    engine::{EngineError, Image},
    preview::manager::Manager,
};

/// How many images are removed at once.
const REMOVALS: usize = 4;

impl Manager {
    /// Ends every preview, and removes all that this instance has made on the engine: containers, images, the network and
    /// the volumes.
    ///
    /// # Errors
    /// When the engine cannot remove something; it goes on with the rest as far as it can.
    pub async fn remove_everything(&self) -> Result<(), EngineError> {
        let engine = &self.inner.core.engine;
        tracing::info!("removing the previews");
        self.end_all().await;
        // Images are made whatever becomes of the preview that wanted them first.
        self.inner.core.images.end();
        // Before the images: what is being installed or copied ends with its container, and makes none any more. What fails of it
        // is tried again at the end.
        tracing::info!("removing the containers, the network and the volumes");
        if let Err(error) = engine.remove_all().await {
            tracing::debug!(error = %error, "something is removed later");
        }
        let images = self.remove_images().await;
        // Whoever was about to make a container then has made the network for it again.
        engine.remove_all().await.and(images)
    }

    async fn remove_images(&self) -> Result<(), EngineError> {
        let engine = &self.inner.core.engine;
        let images = engine.images().await?;
        tracing::info!(images = images.len(), "removing the images of dependencies and builds");
        // Some lie on others: one that is in use then is left to the second round.
        let removing = |image: Image| async move {
            if let Err(error) = engine.remove_image(&image.id).await {
                tracing::debug!(image = image.id, error = %error, "an image is removed later");
            }
        };
        futures_util::stream::iter(images).for_each_concurrent(REMOVALS, removing).await;
        for image in engine.images().await? {
            engine.remove_image(&image.id).await?;
        }
        Ok(())
    }
}
